-- The history of one notification, oldest first.
SELECT
    event_id,
    kind,
    occurred_at,
    recorded_at,
    log_partition,
    log_offset,
    recipient_id,
    channel,
    delivery_ref,
    attempt_id,
    source,
    actor,
    correlation_id,
    causation_id,
    provider,
    automated,
    permanent,
    reason
FROM events
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id
ORDER BY occurred_at, event_id
LIMIT $rows;
