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
    provider_code,
    provider_event,
    automated,
    permanent,
    reason,
    status,
    origin,
    retry,
    test,
    retry_at,
    target,
    scope,
    snoozed_until,
    action_type,
    cleared,
    retracted_event_id,
    kind <> 'retracted' AND event_id IN (
        SELECT retraction.retracted_event_id
        FROM events AS retraction
        WHERE
            retraction.tenant_id = $tenant
            AND retraction.notification_id = $notification_id
            AND retraction.kind = 'retracted'
    ) AS is_retracted
FROM events
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id
ORDER BY occurred_at, event_id
LIMIT $rows;
