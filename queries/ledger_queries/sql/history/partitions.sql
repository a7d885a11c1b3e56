-- The partitions of the log, with the first and last offset of an event in each; null: it has none.
SELECT
    positions.log_topic AS topic,
    positions.log_partition AS "partition",
    min(event_rows.log_offset) AS "first",
    max(event_rows.log_offset) AS "last"
FROM positions
ANTI JOIN read_model ON positions.log_topic = read_model.directory_topic
LEFT JOIN event_rows USING (log_partition)
GROUP BY ALL
ORDER BY ALL;
