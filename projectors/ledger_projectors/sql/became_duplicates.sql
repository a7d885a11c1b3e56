-- Which of some places of the log hold further copies of events.

SELECT log_partition, log_offset
FROM duplicates
SEMI JOIN (SELECT unnest($partitions) AS log_partition, unnest($offsets) AS log_offset) AS asked
    USING (log_partition, log_offset);
