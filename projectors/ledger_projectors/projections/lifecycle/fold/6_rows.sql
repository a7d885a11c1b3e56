-- The rows of the three grains. Downward, the few facts that apply to everything below.

CREATE OR REPLACE TEMP TABLE listed AS
SELECT
    touched.n,
    touched.tenant_id,
    touched.notification_id,
    min(effective_at(created.occurred_at, created.recorded_at)) AS listed_at
FROM touched
LEFT JOIN (FROM heard WHERE kind = 'created') AS created USING (n)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE below AS
SELECT n, of_recipient, of_channel, of_delivery_ref, marks & downward_marks() AS marks
FROM placed
WHERE marks & downward_marks() <> 0 AND (of_recipient = '' OR of_channel = '');

-- What a fact of a channel without a recipient reaches: everybody with a delivery over it, or under its reference.

CREATE OR REPLACE TEMP TABLE below_slots AS
SELECT slots.n, slots.recipient_id, slots.channel, slots.delivery_ref, below.marks, below.of_recipient, below.of_channel
FROM slots
INNER JOIN below ON below.n = slots.n
WHERE below.of_recipient IN ('', slots.recipient_id)
AND below.of_channel IN ('', slots.channel)
AND (below.of_recipient <> '' OR below.of_delivery_ref IN ('', slots.delivery_ref));

DELETE FROM delivery_rows USING touched
WHERE delivery_rows.touched_in = touched.touched_in AND delivery_rows.n = touched.n;

INSERT INTO delivery_rows BY NAME
WITH told AS (
    SELECT n, recipient_id, channel, delivery_ref, bit_or(marks) AS marks, max(snoozed_until) AS snoozed_until
    FROM (
        SELECT
            *,
            CASE WHEN n IN (SELECT n FROM soles) THEN mark_of('is_sole') ELSE 0 END AS marks,
            NULL::TIMESTAMPTZ AS snoozed_until
        FROM slots
        UNION ALL
        SELECT n, recipient_id, channel, delivery_ref, mark_of('is_single'), NULL
        FROM singles
        UNION ALL
        SELECT n, of_recipient, of_channel, of_delivery_ref, marks, NULL
        FROM placed
        WHERE of_channel <> '' AND of_recipient <> ''
        UNION ALL
        FROM states
        WHERE of_channel <> ''
        UNION ALL
        SELECT n, recipient_id, channel, delivery_ref, marks, NULL
        FROM below_slots
    )
    GROUP BY n, recipient_id, channel, delivery_ref
)
SELECT getvariable('batch') AS touched_in, listed.*, told.* EXCLUDE (n)
FROM told
INNER JOIN listed USING (n);

-- What the rows of entries said before: the counts of their recipients differ by what changes.

CREATE OR REPLACE TEMP TABLE prior_entry_places AS
SELECT rowid AS place
FROM inbox_entry_rows
SEMI JOIN touched USING (touched_in, n);

CREATE OR REPLACE TEMP TABLE prior_entries AS
SELECT tenant_id, recipient_id, listed_at, marks
FROM inbox_entry_rows
SEMI JOIN prior_entry_places ON inbox_entry_rows.rowid = prior_entry_places.place;

CREATE OR REPLACE TEMP TABLE new_entries AS
WITH told AS (
    SELECT n, recipient_id, bit_or(marks) AS marks, max(snoozed_until) AS snoozed_until
    FROM (
        SELECT *, 0::BIGINT AS marks, NULL::TIMESTAMPTZ AS snoozed_until
        FROM entries
        UNION ALL
        SELECT n, recipient_id, mark_of('is_sole'), NULL
        FROM soles
        UNION ALL
        SELECT n, of_recipient, marks, NULL
        FROM placed
        WHERE of_recipient <> ''
        UNION ALL
        SELECT n, of_recipient, marks, snoozed_until
        FROM states
        WHERE of_channel = ''
        UNION ALL
        SELECT entries.n, entries.recipient_id, below.marks, NULL
        FROM entries
        INNER JOIN below USING (n)
        WHERE below.of_recipient = '' AND below.of_channel = ''
        UNION ALL
        SELECT n, recipient_id, marks, NULL
        FROM below_slots
        WHERE of_recipient = '' AND of_channel <> ''
    )
    GROUP BY n, recipient_id
)
SELECT getvariable('batch') AS touched_in, listed.*, told.* EXCLUDE (n)
FROM told
INNER JOIN listed USING (n);

DELETE FROM inbox_entry_rows USING prior_entry_places
WHERE inbox_entry_rows.rowid = prior_entry_places.place;

INSERT INTO inbox_entry_rows BY NAME FROM new_entries;

DELETE FROM notification_rows USING touched
WHERE notification_rows.touched_in = touched.touched_in AND notification_rows.n = touched.n;

INSERT INTO notification_rows BY NAME
WITH told AS (
    SELECT n, bit_or(marks) AS marks
    FROM stated
    GROUP BY n
)
SELECT getvariable('batch') AS touched_in, listed.*, told.marks
FROM told
INNER JOIN listed USING (n);
