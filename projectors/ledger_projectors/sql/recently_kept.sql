-- The quarantined records that lie among the last so many offsets before the position, with their reasons.

SELECT log_partition, log_offset, reason
FROM quarantine
INNER JOIN positions USING (log_topic, log_partition)
WHERE log_offset >= next_offset - $window_records
ORDER BY log_partition, log_offset;
