-- The first quarantined records, in log order, that the dead-letter topic does not have with their present reason.

WITH due AS (
    SELECT log_partition, log_offset, coalesce(octet_length(record_value), 0) AS value_bytes
    FROM quarantine
    ANTI JOIN dead_letters USING (log_partition, log_offset, reason)
),
first_ones AS (
    SELECT log_partition, log_offset
    FROM due
    WINDOW in_order AS (ORDER BY log_partition, log_offset)
    QUALIFY row_number() OVER in_order = 1
    OR (row_number() OVER in_order <= $records_max AND sum(value_bytes) OVER in_order <= $bytes_max)
)
SELECT
    log_topic, log_partition, log_offset, epoch_ms(recorded_at), record_key, record_value, record_headers,
    reason, detail
FROM quarantine
SEMI JOIN first_ones USING (log_partition, log_offset)
ORDER BY log_partition, log_offset;
