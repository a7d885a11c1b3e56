-- Where in the log the read model stands.
SELECT log_topic, log_partition, next_offset
FROM positions;
