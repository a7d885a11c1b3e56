-- What the records at some places hold.
SELECT
    log_topic AS topic,
    log_partition AS "partition",
    log_offset AS "offset",
    record_key AS "key",
    record_value AS "value",
    record_headers AS headers
FROM (FROM quarantine UNION ALL BY NAME FROM directory_quarantine)
SEMI JOIN (
    SELECT unnest($topics) AS log_topic, unnest($partitions) AS log_partition, unnest($offsets) AS log_offset
) AS asked
    USING (log_topic, log_partition, log_offset);
