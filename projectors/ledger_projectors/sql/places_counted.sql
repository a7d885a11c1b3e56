-- How many records of each partition the file has rows for.

SELECT log_partition, count(*) AS records, max(log_offset) + 1 AS after_last
FROM (
    SELECT log_partition, log_offset FROM event_rows
    UNION ALL
    SELECT log_partition, log_offset FROM duplicates
    UNION ALL
    SELECT log_partition, log_offset FROM quarantine
)
GROUP BY log_partition
ORDER BY log_partition;
