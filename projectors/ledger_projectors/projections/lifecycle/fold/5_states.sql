-- Only when there is a row in heard WHERE kind IN ('read', 'unread', 'archived', 'unarchived', 'snoozed', 'unsnoozed')
-- Which reversible states hold: the latest of what was said for and against, of entries and of deliveries.

INSERT INTO states
WITH toggles AS (
    SELECT
        placed.n,
        placed.of_recipient,
        placed.of_channel,
        placed.of_delivery_ref,
        CASE
            WHEN heard.kind IN ('read', 'unread') THEN 'read'
            WHEN heard.kind IN ('archived', 'unarchived') THEN 'archived'
            ELSE 'snoozed'
        END AS family,
        recency(heard.occurred_at, heard.recorded_at, heard.event_id) AS recency,
        row(heard.kind, heard.snoozed_until) AS said
    FROM heard
    INNER JOIN placed USING (n, recipient_id, channel, delivery_ref)
    WHERE heard.kind IN ('read', 'unread', 'archived', 'unarchived', 'snoozed', 'unsnoozed')
    AND placed.of_recipient <> ''
),
latest AS (
    SELECT n, of_recipient, of_channel, of_delivery_ref, arg_max(said, recency) AS said
    FROM (
        FROM toggles
        WHERE of_channel <> ''
        UNION ALL
        SELECT * REPLACE ('' AS of_channel, '' AS of_delivery_ref)
        FROM toggles
    )
    GROUP BY n, of_recipient, of_channel, of_delivery_ref, family
)
SELECT
    n,
    of_recipient,
    of_channel,
    of_delivery_ref,
    CASE said[1]
        WHEN 'read' THEN mark_of('is_read')
        WHEN 'archived' THEN mark_of('is_archived')
        WHEN 'snoozed' THEN mark_of('is_snoozed')
    END AS marks,
    said[2] AS snoozed_until
FROM latest
WHERE said[1] IN ('read', 'archived', 'snoozed');
