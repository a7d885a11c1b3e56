-- The states of the three grains, as a function of the facts of the notifications that were touched.

-- Who and what there is.

CREATE OR REPLACE TEMP TABLE audiences AS
SELECT n, count(DISTINCT recipient_id) AS recipients, min(recipient_id) AS sole_recipient_id
FROM merged
WHERE recipient_id <> ''
GROUP BY n;

CREATE OR REPLACE TEMP TABLE placed_by_recipient AS
SELECT merged.* REPLACE (
    CASE
        WHEN merged.recipient_id = '' AND audiences.recipients = 1 THEN audiences.sole_recipient_id
        ELSE merged.recipient_id
    END AS recipient_id
)
FROM merged
LEFT JOIN audiences USING (n);

CREATE OR REPLACE TEMP TABLE slots AS
SELECT n, recipient_id, channel, delivery_ref
FROM placed_by_recipient
WHERE recipient_id <> '' AND channel <> ''
GROUP BY n, recipient_id, channel, delivery_ref
-- A plan that was carried out under a reference makes way for it.
QUALIFY NOT (
    delivery_ref = ''
    AND bool_and(fact = 'declared')
    AND count(*) OVER (PARTITION BY n, recipient_id, channel) > 1
);

CREATE OR REPLACE TEMP TABLE placed AS
WITH single AS (
    SELECT n, recipient_id, min(channel) AS channel, min(delivery_ref) AS delivery_ref
    FROM slots
    GROUP BY n, recipient_id
    HAVING count(*) = 1
)
SELECT
    f.n,
    f.recipient_id,
    CASE WHEN f.channel = '' THEN coalesce(single.channel, '') ELSE f.channel END AS channel,
    CASE WHEN f.channel = '' THEN coalesce(single.delivery_ref, '') ELSE f.delivery_ref END AS delivery_ref,
    f.fact,
    f.first_at,
    f.last_at,
    f.event_count,
    f.known_at,
    row(f.latest_at, f.latest_event_id) AS latest,
    f.latest_snoozed_until,
    f.fact IN ('fired', 'cancelled', 'expired', 'failed', 'failed_permanently') AS applies_below
FROM placed_by_recipient AS f
LEFT JOIN single USING (n, recipient_id);

-- The rows of the three grains, numbered, so that what follows joins and groups by one number.

CREATE OR REPLACE TEMP TABLE grain_rows AS
SELECT row_number() OVER () AS r, *
FROM (
    SELECT 'notification' AS grain, n, '' AS recipient_id, '' AS channel, '' AS delivery_ref
    FROM touched
    UNION ALL
    SELECT DISTINCT 'inbox_entry' AS grain, n, recipient_id, '' AS channel, '' AS delivery_ref
    FROM placed
    WHERE recipient_id <> ''
    UNION ALL
    SELECT 'delivery' AS grain, n, recipient_id, channel, delivery_ref
    FROM slots
);

-- Which fact speaks of which row: its own grain and upward all, downward the few that apply to everything below.

CREATE OR REPLACE TEMP TABLE spoken AS
WITH told AS (
    FROM placed
    WHERE fact <> 'declared'
),
tops AS (
    FROM grain_rows
    WHERE grain = 'notification'
),
entries AS (
    FROM grain_rows
    WHERE grain = 'inbox_entry'
),
places AS (
    FROM grain_rows
    WHERE grain = 'delivery'
),
below AS (
    FROM told
    WHERE applies_below AND (recipient_id = '' OR channel = '')
),
-- What a fact of a channel without a recipient reaches: everybody with a delivery over it, or under its reference.
reached AS (
    SELECT n, recipient_id, channel, delivery_ref FROM places
    UNION
    SELECT n, recipient_id, channel, '' AS delivery_ref FROM places
)
SELECT tops.r, tops.grain, told.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM told
INNER JOIN tops ON tops.n = told.n
UNION ALL
SELECT entries.r, entries.grain, told.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM told
INNER JOIN entries ON entries.n = told.n AND entries.recipient_id = told.recipient_id
UNION ALL
SELECT entries.r, entries.grain, below.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM below
INNER JOIN entries ON entries.n = below.n
WHERE below.recipient_id = '' AND below.channel = ''
UNION ALL
SELECT entries.r, entries.grain, below.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM below
INNER JOIN reached
    ON reached.n = below.n
    AND reached.channel = below.channel
    AND reached.delivery_ref = below.delivery_ref
INNER JOIN entries ON entries.n = reached.n AND entries.recipient_id = reached.recipient_id
WHERE below.recipient_id = ''
UNION ALL
SELECT places.r, places.grain, told.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM told
INNER JOIN places
    ON places.n = told.n
    AND places.recipient_id = told.recipient_id
    AND places.channel = told.channel
    AND places.delivery_ref = told.delivery_ref
UNION ALL
SELECT places.r, places.grain, below.* EXCLUDE (n, recipient_id, channel, delivery_ref)
FROM below
INNER JOIN places
    ON places.n = below.n
    AND (below.recipient_id = '' OR below.recipient_id = places.recipient_id)
    AND (below.channel = '' OR below.channel = places.channel)
    AND (below.recipient_id <> '' OR below.delivery_ref IN ('', places.delivery_ref));

-- One column for each fact and number; the states of entries and deliveries beside them.

CREATE OR REPLACE TEMP TABLE pivoted AS
WITH wide AS (
    PIVOT spoken
    ON fact IN (
        'created', 'amended', 'audience_added', 'retracted', 'fired', 'attempted', 'deferred', 'delivered',
        'failed', 'failed_permanently', 'cancelled', 'expired', 'seen', 'opened', 'automated_opened',
        'clicked', 'automated_clicked', 'read', 'unread', 'acknowledged', 'archived', 'unarchived',
        'snoozed', 'unsnoozed', 'action_completed', 'action_reverted', 'deleted', 'unsubscribed',
        'complained'
    )
    USING min(first_at) AS first_at, max(last_at) AS last_at, sum(event_count) AS "count"
    GROUP BY r
),
named AS (
    SELECT
        grain_rows.*,
        COLUMNS('^(.*)_first_at$') AS 'first_\1_at',
        COLUMNS('^(.*)_last_at$') AS 'last_\1_at',
        coalesce(COLUMNS('^(.*_count)$'), 0)::BIGINT AS '\1'
    FROM grain_rows
    LEFT JOIN wide USING (r)
),
states AS (
    SELECT
        r,
        arg_max(fact, latest) FILTER (fact IN ('read', 'unread')) = 'read' AS is_read,
        arg_max(fact, latest) FILTER (fact IN ('archived', 'unarchived')) = 'archived' AS is_archived,
        arg_max(fact, latest) FILTER (fact IN ('snoozed', 'unsnoozed')) = 'snoozed' AS is_snoozed,
        arg_max_null(latest_snoozed_until, latest) FILTER (fact IN ('snoozed', 'unsnoozed')) AS snoozed_until
    FROM spoken
    WHERE
        grain <> 'notification'
        AND fact IN ('read', 'unread', 'archived', 'unarchived', 'snoozed', 'unsnoozed')
    GROUP BY r
)
SELECT
    named.*,
    failed_permanently_count > 0 AS failed_permanently,
    seen_count + opened_count + clicked_count + read_count + unread_count > 0 AS is_seen,
    coalesce(states.is_read, false) AS is_read,
    coalesce(states.is_archived, false) AS is_archived,
    coalesce(states.is_snoozed, false) AS is_snoozed,
    -- An unsnoozed has none.
    states.snoozed_until,
    deleted_count > 0 AS is_deleted
FROM named
LEFT JOIN states USING (r);
