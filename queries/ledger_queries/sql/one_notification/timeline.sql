-- The history of one notification, oldest first.
WITH shown AS MATERIALIZED (
    SELECT
        event_id,
        kind::VARCHAR AS kind,
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
        snoozed_until,
        action_type,
        retracted_event_id,
        is_taken_back(n, event_id, kind) AS is_retracted
    FROM event_rows
    WHERE
        n = $n
    ORDER BY occurred_at, event_id
    LIMIT $rows
),
-- By themselves first: so that of the details of all events only those of these batches are read.
more AS (
    SELECT
        log_partition,
        log_offset,
        provider_code,
        provider_event,
        reason,
        status,
        origin,
        retry,
        test,
        retry_at,
        target,
        scope,
        NULL AS cleared
    FROM event_details
    SEMI JOIN shown USING (log_partition, log_offset)
    UNION ALL BY NAME
    SELECT log_partition, log_offset, reason, cleared
    FROM event_contents
    SEMI JOIN shown USING (log_partition, log_offset)
)
SELECT
    shown.*,
    more.* EXCLUDE (log_partition, log_offset)
FROM shown
LEFT JOIN more USING (log_partition, log_offset)
ORDER BY shown.occurred_at, shown.event_id;
