-- The rows of the three grains. Downward, the few facts that apply to everything below.

CREATE OR REPLACE TEMP TABLE listed AS
SELECT
    touched.n,
    touched.tenant_id,
    touched.notification_id,
    min(created.effective_at) AS listed_at
FROM touched
LEFT JOIN (FROM heard WHERE kind = 'created') AS created USING (n)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE below AS
SELECT n, of_recipient, of_channel, of_delivery_ref, bit_or(marks & downward_marks()) AS marks
FROM placed
WHERE marks & downward_marks() <> 0 AND (of_recipient = '' OR of_channel = '')
GROUP BY ALL;

-- What a fact of a channel without a recipient reaches: everybody with a delivery over it, or under its reference.

CREATE OR REPLACE TEMP TABLE below_channels AS
SELECT slots.n, slots.recipient_id, slots.channel, slots.delivery_ref, bit_or(below.marks) AS marks
FROM below
INNER JOIN slots
    ON slots.n = below.n
    AND slots.channel = below.of_channel
    AND below.of_delivery_ref IN ('', slots.delivery_ref)
WHERE below.of_recipient = ''
GROUP BY ALL;

DELETE FROM delivery_rows USING touched
WHERE delivery_rows.touched_in = touched.touched_in AND delivery_rows.n = touched.n;

INSERT INTO delivery_rows BY NAME
WITH told AS (
    SELECT n, recipient_id, channel, delivery_ref, bit_or(marks) AS marks, max(snoozed_until) AS snoozed_until
    FROM (
        SELECT *, 0::BIGINT AS marks, NULL::TIMESTAMPTZ AS snoozed_until
        FROM slots
        UNION ALL
        SELECT n, of_recipient, of_channel, of_delivery_ref, marks, NULL
        FROM placed
        WHERE of_channel <> '' AND of_recipient <> ''
        UNION ALL
        SELECT n, recipient_id, channel, delivery_ref, marks, snoozed_until
        FROM states
        WHERE channel <> ''
        UNION ALL
        SELECT *, NULL
        FROM below_channels
    )
    GROUP BY n, recipient_id, channel, delivery_ref
)
SELECT
    getvariable('batch') AS touched_in,
    listed.*,
    told.* EXCLUDE (n) REPLACE (
        told.marks
        | coalesce(below_all.marks, 0)
        | coalesce(below_entry.marks, 0)
        | CASE WHEN soles.n IS NOT NULL THEN mark_of('is_sole') ELSE 0 END
        | CASE WHEN slot_numbers.deliveries = 1 THEN mark_of('is_single') ELSE 0 END AS marks
    )
FROM told
INNER JOIN listed USING (n)
INNER JOIN slot_numbers USING (n, recipient_id)
LEFT JOIN soles USING (n)
LEFT JOIN (FROM below WHERE of_recipient = '' AND of_channel = '') AS below_all USING (n)
LEFT JOIN (FROM below WHERE of_recipient <> '') AS below_entry
    ON below_entry.n = told.n AND below_entry.of_recipient = told.recipient_id;

-- What the rows of entries said before: the counts of their recipients differ by what changes.

CREATE OR REPLACE TEMP TABLE prior_entries AS
SELECT tenant_id, recipient_id, listed_at, marks
FROM inbox_entry_rows
SEMI JOIN touched USING (touched_in, n);

CREATE OR REPLACE TEMP TABLE new_entries AS
WITH told AS (
    SELECT n, recipient_id, bit_or(marks) AS marks, max(snoozed_until) AS snoozed_until
    FROM (
        SELECT *, 0::BIGINT AS marks, NULL::TIMESTAMPTZ AS snoozed_until
        FROM entries
        UNION ALL
        SELECT n, of_recipient, marks, NULL
        FROM placed
        WHERE of_recipient <> ''
        UNION ALL
        SELECT n, recipient_id, marks, snoozed_until
        FROM states
        WHERE channel = ''
        UNION ALL
        SELECT n, recipient_id, marks, NULL
        FROM below_channels
    )
    GROUP BY n, recipient_id
),
many AS (
    SELECT n, recipient_id, list_sort(list_distinct(list(channel))) AS channels
    FROM slots
    SEMI JOIN (FROM slot_numbers WHERE deliveries > 2) AS several USING (n, recipient_id)
    GROUP BY n, recipient_id
)
SELECT
    getvariable('batch') AS touched_in,
    listed.*,
    told.* EXCLUDE (n) REPLACE (
        told.marks
        | coalesce(below_all.marks, 0)
        | CASE WHEN soles.n IS NOT NULL THEN mark_of('is_sole') ELSE 0 END AS marks
    ),
    CASE
        WHEN slot_numbers.n IS NULL THEN []
        WHEN slot_numbers.first_channel = slot_numbers.last_channel THEN [slot_numbers.first_channel]
        WHEN slot_numbers.deliveries = 2 THEN [slot_numbers.first_channel, slot_numbers.last_channel]
        ELSE many.channels
    END AS channels,
    coalesce(slot_numbers.deliveries, 0) AS deliveries
FROM told
INNER JOIN listed USING (n)
LEFT JOIN slot_numbers USING (n, recipient_id)
LEFT JOIN many USING (n, recipient_id)
LEFT JOIN soles USING (n)
LEFT JOIN (FROM below WHERE of_recipient = '' AND of_channel = '') AS below_all USING (n);

DELETE FROM inbox_entry_rows USING touched
WHERE inbox_entry_rows.touched_in = touched.touched_in AND inbox_entry_rows.n = touched.n;

INSERT INTO inbox_entry_rows BY NAME FROM new_entries;

CREATE OR REPLACE TEMP TABLE meant AS
SELECT n, content_channels
FROM notification_rows
SEMI JOIN touched USING (touched_in, n)
ANTI JOIN reworded USING (n)
WHERE content_channels IS NOT NULL
UNION ALL
SELECT n, channels
FROM content_rows
SEMI JOIN reworded USING (n)
WHERE channels IS NOT NULL;

DELETE FROM notification_rows USING touched
WHERE notification_rows.touched_in = touched.touched_in AND notification_rows.n = touched.n;

INSERT INTO notification_rows BY NAME
WITH told AS (
    SELECT n, bit_or(marks) AS marks
    FROM stated
    GROUP BY n
),
entry_numbers AS (
    SELECT
        n,
        count(*) AS recipients,
        count(*) FILTER (marked(marks, 'delivered')) AS recipients_delivered,
        count(*) FILTER (marked(marks, 'failed')) AS recipients_failed,
        count(*) FILTER (marked(marks, 'cancelled')) AS recipients_cancelled,
        count(*) FILTER (marked(marks, 'expired')) AS recipients_expired,
        count(*) FILTER (marks & seen_marks() <> 0) AS recipients_seen,
        count(*) FILTER (marked(marks, 'opened')) AS recipients_opened,
        count(*) FILTER (marked(marks, 'clicked')) AS recipients_clicked,
        count(*) FILTER (marked(marks, 'is_read')) AS recipients_read,
        count(*) FILTER (marked(marks, 'acknowledged')) AS recipients_acknowledged,
        count(*) FILTER (marked(marks, 'is_archived')) AS recipients_archived,
        count(*) FILTER (marked(marks, 'is_snoozed')) AS recipients_snoozed,
        count(*) FILTER (marked(marks, 'deleted')) AS recipients_deleted,
        sum(deliveries) AS deliveries
    FROM new_entries
    GROUP BY n
),
over_channels AS (
    SELECT n, list_sort(list(channel)) AS channels
    FROM (
        SELECT n, channel FROM slots
        UNION
        SELECT n, unnest(content_channels) AS channel FROM meant
    )
    WHERE channel IS NOT NULL
    GROUP BY n
)
SELECT
    getvariable('batch') AS touched_in,
    listed.*,
    told.marks,
    coalesce(over_channels.channels, []) AS channels,
    meant.content_channels,
    coalesce(COLUMNS(entry_numbers.* EXCLUDE (n)), 0)
FROM told
INNER JOIN listed USING (n)
LEFT JOIN entry_numbers USING (n)
LEFT JOIN over_channels USING (n)
LEFT JOIN meant USING (n);
