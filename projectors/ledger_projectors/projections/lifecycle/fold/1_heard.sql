-- What the events of the touched notifications say that still count: at which grain key, what, and when.

CREATE OR REPLACE TEMP TABLE heard AS
WITH all_events AS (
    SELECT
        n, kind, event_id, occurred_at, recorded_at, recipient_id, channel, delivery_ref,
        automated, permanent, snoozed_until, audience
    FROM prior
    UNION ALL
    SELECT
        n, kind, event_id, occurred_at, recorded_at, recipient_id, channel, delivery_ref,
        automated, permanent, snoozed_until, audience
    FROM fresh
)
SELECT
    n,
    kind,
    event_id,
    -- A retracted speaks of an event, not of whoever it names.
    CASE WHEN kind <> 'retracted' THEN coalesce(recipient_id, '') ELSE '' END AS recipient_id,
    CASE WHEN kind <> 'retracted' THEN coalesce(channel, '') ELSE '' END AS channel,
    CASE WHEN kind <> 'retracted' THEN coalesce(delivery_ref, '') ELSE '' END AS delivery_ref,
    occurred_at,
    recorded_at,
    snoozed_until,
    audience,
    CASE
        WHEN automated AND kind = 'opened' THEN mark_of('automated_opened')
        WHEN automated AND kind = 'clicked' THEN mark_of('automated_clicked')
        WHEN permanent AND kind = 'failed' THEN mark_of('failed') | mark_of('failed_permanently')
        ELSE 1::BIGINT << enum_code(kind)
    END AS marks
FROM all_events
ANTI JOIN taken_back
    ON taken_back.n = all_events.n
    AND taken_back.event_id = all_events.event_id
    AND all_events.kind <> 'retracted'
WHERE kind <> 'observed';
