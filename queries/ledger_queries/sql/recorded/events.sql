-- The events of notifications (their numbers, in a list) of some kinds, whole, oldest first.
-- With a recipient, only that recipient's events and those that name no recipient.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS ordinal,
        unnest($n::BIGINT[]) AS n
),
asked_events AS MATERIALIZED (
    SELECT
        asked.ordinal,
        event.event_id,
        event.kind::VARCHAR AS kind,
        event.occurred_at,
        event.recorded_at,
        event.log_partition,
        event.log_offset,
        event.recipient_id,
        event.channel,
        event.delivery_ref,
        event.attempt_id,
        event.source,
        event.actor,
        event.correlation_id,
        event.causation_id,
        event.provider,
        event.automated,
        event.permanent,
        event.snoozed_until,
        event.action_type,
        event.retracted_event_id,
        false AS is_retracted
    FROM event_rows AS event
    INNER JOIN asked ON asked.n = event.n
    WHERE event.n = ANY($n::BIGINT[])
    AND event.kind = ANY($kinds::event_kind[])
    AND NOT is_taken_back(event.n, event.event_id, event.kind)
    AND (event.recipient_id = $recipient OR event.recipient_id IS NULL) -- when recipient
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
        NULL AS cleared,
        attributes,
        personal
    FROM event_details
    SEMI JOIN asked_events USING (log_partition, log_offset)
    UNION ALL BY NAME
    SELECT log_partition, log_offset, reason, cleared, attributes, personal
    FROM event_contents
    SEMI JOIN asked_events USING (log_partition, log_offset)
)
SELECT
    asked_events.*,
    more.* EXCLUDE (log_partition, log_offset, personal),
    more.personal.title AS title,
    more.personal.body AS body,
    more.personal.body_formatted AS body_formatted,
    more.personal.link AS link,
    more.personal.data AS data,
    more.personal.detail AS detail,
    more.personal.addresses AS addresses
FROM asked_events
LEFT JOIN more USING (log_partition, log_offset)
ORDER BY asked_events.ordinal, asked_events.occurred_at, asked_events.event_id;
