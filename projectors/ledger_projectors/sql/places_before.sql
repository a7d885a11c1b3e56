-- How many records of one partition the file has rows for, before the offset $before.

SELECT count(*) AS records
FROM (
    SELECT log_offset FROM event_rows
    WHERE log_partition = $partition AND log_offset < $before
    UNION ALL
    SELECT log_offset FROM duplicates
    WHERE log_partition = $partition AND log_offset < $before
    UNION ALL
    SELECT log_offset FROM quarantine
    WHERE log_partition = $partition AND log_offset < $before
);
