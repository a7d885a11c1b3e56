-- The quarantined records that lie among the last so many offsets before the position: why, whose, how they begin.

SELECT log_partition, log_offset, reason, tenant_id, record_value[:$header]
FROM quarantine
INNER JOIN positions USING (log_topic, log_partition)
WHERE log_offset >= next_offset - $window_records
ORDER BY log_partition, log_offset;
