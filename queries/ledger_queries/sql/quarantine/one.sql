-- One quarantined record, without what it holds.
SELECT
    log_topic AS topic,
    log_partition AS "partition",
    log_offset AS "offset",
    recorded_at,
    reason,
    detail,
    tenant_id,
    octet_length(record_key) AS key_bytes,
    octet_length(record_value) AS value_bytes,
    len(record_headers) AS header_count
FROM (FROM quarantine UNION ALL BY NAME FROM directory_quarantine)
WHERE
    log_partition = $partition
    AND log_offset = $offset
    AND log_topic = coalesce($topic, log_topic)
-- Both topics may have the place: the lifecycle topic's comes first.
ORDER BY log_topic IN (SELECT directory_topic FROM read_model)
LIMIT 1;
