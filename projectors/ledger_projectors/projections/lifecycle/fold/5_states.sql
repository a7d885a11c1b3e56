-- Which reversible states hold: the latest of what was said for and against, of entries and of deliveries.

CREATE OR REPLACE TEMP TABLE toggles AS
SELECT
    heard.n,
    heard.kind,
    heard.snoozed_until,
    row(heard.effective_at, heard.event_id) AS moment,
    placed.of_recipient AS recipient_id,
    placed.of_channel AS channel,
    placed.of_delivery_ref AS delivery_ref
FROM heard
INNER JOIN placed USING (n, recipient_id, channel, delivery_ref)
WHERE heard.kind IN ('read', 'unread', 'archived', 'unarchived', 'snoozed', 'unsnoozed')
AND placed.of_recipient <> '';

CREATE OR REPLACE TEMP TABLE states AS
WITH of_both AS (
    SELECT n, recipient_id, channel, delivery_ref, kind, moment, snoozed_until
    FROM toggles
    WHERE channel <> ''
    UNION ALL
    SELECT n, recipient_id, '' AS channel, '' AS delivery_ref, kind, moment, snoozed_until
    FROM toggles
)
SELECT
    n,
    recipient_id,
    channel,
    delivery_ref,
    CASE WHEN arg_max(kind, moment) FILTER (kind IN ('read', 'unread')) = 'read' THEN mark_of('is_read') ELSE 0 END
    | CASE
        WHEN arg_max(kind, moment) FILTER (kind IN ('archived', 'unarchived')) = 'archived'
            THEN mark_of('is_archived')
        ELSE 0
    END
    | CASE
        WHEN arg_max(kind, moment) FILTER (kind IN ('snoozed', 'unsnoozed')) = 'snoozed' THEN mark_of('is_snoozed')
        ELSE 0
    END AS marks,
    -- An unsnoozed has none.
    arg_max_null(snoozed_until, moment) FILTER (kind IN ('snoozed', 'unsnoozed')) AS snoozed_until
FROM of_both
GROUP BY n, recipient_id, channel, delivery_ref;
