-- What the records at some places hold.
SELECT
    log_partition AS "partition",
    log_offset AS "offset",
    record_key AS "key",
    record_value AS "value",
    record_headers AS headers
FROM quarantine
SEMI JOIN (SELECT unnest($partitions) AS log_partition, unnest($offsets) AS log_offset) AS asked
    USING (log_partition, log_offset);
