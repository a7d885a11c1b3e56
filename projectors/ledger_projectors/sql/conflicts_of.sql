-- The records that lie in quarantine as conflicts under some keys, in log order.

SELECT log_topic, log_partition, log_offset, epoch_ms(recorded_at), record_key, record_value, record_headers
FROM quarantine
WHERE reason = 'conflict' AND list_contains($keys, record_key)
ORDER BY log_partition, log_offset;
