-- The first records, in log order, that lie in quarantine for their schema or kind alone and would not, or not for that.

SELECT log_topic, log_partition, log_offset, epoch_ms(recorded_at), record_key, record_value, record_headers
FROM quarantine
WHERE reason IN ('schema_unknown', 'kind_unknown')
AND (
    list_contains($readable, record_value[:$header])
    OR (reason = 'schema_unknown' AND list_contains($learnt, record_value[:$header]))
)
WINDOW in_order AS (ORDER BY log_partition, log_offset)
QUALIFY row_number() OVER in_order = 1 OR sum(octet_length(record_value)) OVER in_order <= $bytes_max
ORDER BY log_partition, log_offset;
