-- The rows of the three grains, as a function of the facts of the notifications that were touched.

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
    f.latest_at,
    f.latest_event_id,
    f.fact IN ('fired', 'failed', 'failed_permanently') AS applies_below
FROM placed_by_recipient AS f
LEFT JOIN single USING (n, recipient_id);

-- Which fact speaks of which row: its own grain and upward all, downward the few that apply to everything below.

CREATE OR REPLACE TEMP TABLE pivoted AS
WITH entries AS (
    SELECT DISTINCT n, recipient_id FROM placed WHERE recipient_id <> ''
),
-- What a fact of a channel without a recipient reaches: everybody with a delivery over it, or under its reference.
reached AS (
    SELECT n, recipient_id, channel, delivery_ref FROM slots
    UNION
    SELECT n, recipient_id, channel, '' AS delivery_ref FROM slots
),
spoken AS (
    SELECT 'notification' AS grain, placed.* FROM placed
    UNION ALL
    SELECT 'inbox_entry' AS grain, placed.* REPLACE ('' AS channel, '' AS delivery_ref)
    FROM placed
    WHERE recipient_id <> ''
    UNION ALL
    SELECT 'inbox_entry' AS grain, placed.* REPLACE (entries.recipient_id AS recipient_id)
    FROM placed
    INNER JOIN entries ON entries.n = placed.n
    WHERE placed.recipient_id = '' AND placed.channel = '' AND placed.applies_below
    UNION ALL
    SELECT
        'inbox_entry' AS grain,
        placed.* REPLACE (reached.recipient_id AS recipient_id, '' AS channel, '' AS delivery_ref)
    FROM placed
    INNER JOIN reached
        ON reached.n = placed.n
        AND reached.channel = placed.channel
        AND reached.delivery_ref = placed.delivery_ref
    WHERE placed.recipient_id = '' AND placed.applies_below
    UNION ALL
    SELECT 'delivery' AS grain, placed.*
    FROM placed
    SEMI JOIN slots USING (n, recipient_id, channel, delivery_ref)
    UNION ALL
    SELECT
        'delivery' AS grain,
        placed.* REPLACE (
            slots.recipient_id AS recipient_id, slots.channel AS channel, slots.delivery_ref AS delivery_ref
        )
    FROM placed
    INNER JOIN slots
        ON slots.n = placed.n
        AND (placed.recipient_id = '' OR placed.recipient_id = slots.recipient_id)
        AND (placed.channel = '' OR placed.channel = slots.channel)
        AND (placed.recipient_id <> '' OR placed.delivery_ref IN ('', slots.delivery_ref))
    WHERE placed.applies_below AND (placed.recipient_id = '' OR placed.channel = '')
)
SELECT
    n,
    grain,
    CASE WHEN grain = 'notification' THEN '' ELSE recipient_id END AS recipient_id,
    CASE WHEN grain = 'delivery' THEN channel ELSE '' END AS channel,
    CASE WHEN grain = 'delivery' THEN delivery_ref ELSE '' END AS delivery_ref,
    min(first_at) FILTER (fact = 'created') AS first_created_at,
    max(last_at) FILTER (fact = 'created') AS last_created_at,
    coalesce(sum(event_count) FILTER (fact = 'created'), 0)::BIGINT AS created_count,
    min(first_at) FILTER (fact = 'fired') AS first_fired_at,
    max(last_at) FILTER (fact = 'fired') AS last_fired_at,
    coalesce(sum(event_count) FILTER (fact = 'fired'), 0)::BIGINT AS fired_count,
    min(first_at) FILTER (fact = 'delivered') AS first_delivered_at,
    max(last_at) FILTER (fact = 'delivered') AS last_delivered_at,
    coalesce(sum(event_count) FILTER (fact = 'delivered'), 0)::BIGINT AS delivered_count,
    min(first_at) FILTER (fact = 'opened') AS first_opened_at,
    max(last_at) FILTER (fact = 'opened') AS last_opened_at,
    coalesce(sum(event_count) FILTER (fact = 'opened'), 0)::BIGINT AS opened_count,
    min(first_at) FILTER (fact = 'automated_opened') AS first_automated_opened_at,
    max(last_at) FILTER (fact = 'automated_opened') AS last_automated_opened_at,
    coalesce(sum(event_count) FILTER (fact = 'automated_opened'), 0)::BIGINT AS automated_opened_count,
    min(first_at) FILTER (fact = 'read') AS first_read_at,
    max(last_at) FILTER (fact = 'read') AS last_read_at,
    coalesce(sum(event_count) FILTER (fact = 'read'), 0)::BIGINT AS read_count,
    min(first_at) FILTER (fact = 'unread') AS first_unread_at,
    max(last_at) FILTER (fact = 'unread') AS last_unread_at,
    coalesce(sum(event_count) FILTER (fact = 'unread'), 0)::BIGINT AS unread_count,
    min(first_at) FILTER (fact = 'acknowledged') AS first_acknowledged_at,
    max(last_at) FILTER (fact = 'acknowledged') AS last_acknowledged_at,
    coalesce(sum(event_count) FILTER (fact = 'acknowledged'), 0)::BIGINT AS acknowledged_count,
    min(first_at) FILTER (fact = 'failed') AS first_failed_at,
    max(last_at) FILTER (fact = 'failed') AS last_failed_at,
    coalesce(sum(event_count) FILTER (fact = 'failed'), 0)::BIGINT AS failed_count,
    coalesce(bool_or(fact = 'failed_permanently'), false) AS failed_permanently,
    min(known_at) FILTER (fact = 'created') AS created_known_at,
    max(row(latest_at, latest_event_id)) FILTER (fact = 'read') AS latest_read,
    max(row(latest_at, latest_event_id)) FILTER (fact = 'unread') AS latest_unread,
    coalesce(latest_read > latest_unread, latest_read IS NOT NULL) AS is_read
FROM spoken
GROUP BY ALL;

-- Numbers that a row has of the rows below it, and the one column that comes from above.

CREATE OR REPLACE TEMP TABLE rows_with_numbers AS
WITH entry_numbers AS (
    SELECT
        n,
        count(*) AS recipients,
        count(*) FILTER (delivered_count > 0) AS recipients_delivered,
        count(*) FILTER (opened_count > 0) AS recipients_opened,
        count(*) FILTER (is_read) AS recipients_read,
        count(*) FILTER (acknowledged_count > 0) AS recipients_acknowledged,
        count(*) FILTER (failed_count > 0) AS recipients_failed
    FROM pivoted
    WHERE grain = 'inbox_entry'
    GROUP BY n
),
slot_numbers AS (
    SELECT
        n,
        CASE WHEN grouping(recipient_id) = 1 THEN 'notification' ELSE 'inbox_entry' END AS grain,
        coalesce(recipient_id, '') AS recipient_id,
        count(*) AS deliveries,
        list_sort(list_distinct(list(channel))) AS channels
    FROM slots
    GROUP BY GROUPING SETS ((n), (n, recipient_id))
)
SELECT
    touched.tenant_id,
    touched.notification_id,
    pivoted.* EXCLUDE (created_known_at, latest_read, latest_unread),
    top.created_known_at AS listed_at,
    coalesce(slot_numbers.channels, []) AS channels,
    coalesce(slot_numbers.deliveries, 0) AS deliveries,
    coalesce(entry_numbers.recipients, 0) AS recipients,
    coalesce(entry_numbers.recipients_delivered, 0) AS recipients_delivered,
    coalesce(entry_numbers.recipients_opened, 0) AS recipients_opened,
    coalesce(entry_numbers.recipients_read, 0) AS recipients_read,
    coalesce(entry_numbers.recipients_acknowledged, 0) AS recipients_acknowledged,
    coalesce(entry_numbers.recipients_failed, 0) AS recipients_failed
FROM pivoted
INNER JOIN touched USING (n)
INNER JOIN (SELECT n, created_known_at FROM pivoted WHERE grain = 'notification') AS top USING (n)
LEFT JOIN slot_numbers USING (n, grain, recipient_id)
LEFT JOIN entry_numbers USING (n);

DELETE FROM notifications USING touched
WHERE notifications.notification_id = touched.notification_id AND notifications.tenant_id = touched.tenant_id;

INSERT INTO notifications BY NAME
SELECT * EXCLUDE (n, grain, recipient_id, channel, delivery_ref, is_read)
FROM rows_with_numbers
WHERE grain = 'notification';

DELETE FROM inbox_entries USING touched
WHERE inbox_entries.notification_id = touched.notification_id AND inbox_entries.tenant_id = touched.tenant_id;

INSERT INTO inbox_entries BY NAME
SELECT
    * EXCLUDE (
        n, grain, channel, delivery_ref,
        first_created_at, last_created_at, created_count,
        recipients, recipients_delivered, recipients_opened,
        recipients_read, recipients_acknowledged, recipients_failed
    )
FROM rows_with_numbers
WHERE grain = 'inbox_entry';

DELETE FROM deliveries USING touched
WHERE deliveries.notification_id = touched.notification_id AND deliveries.tenant_id = touched.tenant_id;

INSERT INTO deliveries BY NAME
SELECT
    * EXCLUDE (
        n, grain, channels, deliveries,
        first_created_at, last_created_at, created_count,
        recipients, recipients_delivered, recipients_opened,
        recipients_read, recipients_acknowledged, recipients_failed
    )
FROM rows_with_numbers
WHERE grain = 'delivery';
