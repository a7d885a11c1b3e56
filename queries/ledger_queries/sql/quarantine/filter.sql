-- The quarantined records that a filter asks for, the directory's among them, without what they hold.
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
    true
    AND reason = $reason -- when reason
    AND tenant_id = $tenant -- when tenant
    AND log_partition = $partition -- when partition
    AND recorded_at >= $recorded_from -- when recorded_from
    AND recorded_at < $recorded_before -- when recorded_before
