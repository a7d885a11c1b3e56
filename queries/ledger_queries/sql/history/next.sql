-- Where in one partition the next event lies, from an offset on.
SELECT min(log_offset) AS log_offset
FROM event_rows
WHERE
    log_partition = $partition
    AND log_offset >= $first;
