-- The offsets of the records of one partition that the file has rows for, from $first on and before $before.

SELECT log_offset FROM event_rows
WHERE log_partition = $partition AND log_offset >= $first AND log_offset < $before
UNION ALL
SELECT log_offset FROM duplicates
WHERE log_partition = $partition AND log_offset >= $first AND log_offset < $before
UNION ALL
SELECT log_offset FROM quarantine
WHERE log_partition = $partition AND log_offset >= $first AND log_offset < $before;
