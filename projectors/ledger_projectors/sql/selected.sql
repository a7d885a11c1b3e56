-- The first records of a selection of the quarantine, in log order: of one reason if given, at some places if given.

WITH places AS (
    SELECT unnest($partitions) AS log_partition, unnest($offsets) AS log_offset
),
-- Places and sizes alone first: the window below would hold every value of the selection.
chosen AS (
    SELECT log_partition, log_offset, coalesce(octet_length(record_value), 0) AS value_bytes
    FROM quarantine
    WHERE ($reason IS NULL OR reason = $reason)
    AND (NOT $by_place OR (log_partition, log_offset) IN (FROM places))
    AND (log_partition > $after_partition OR (log_partition = $after_partition AND log_offset > $after_offset))
),
first_ones AS (
    SELECT log_partition, log_offset
    FROM chosen
    WINDOW in_order AS (ORDER BY log_partition, log_offset)
    QUALIFY row_number() OVER in_order = 1
    OR (row_number() OVER in_order <= $records_max AND sum(value_bytes) OVER in_order <= $bytes_max)
)
SELECT log_topic, log_partition, log_offset, epoch_ms(recorded_at), record_key, record_value, record_headers
FROM quarantine
SEMI JOIN first_ones USING (log_partition, log_offset)
ORDER BY log_partition, log_offset;
