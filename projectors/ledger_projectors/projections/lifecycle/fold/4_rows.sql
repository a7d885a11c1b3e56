-- The rows of the three grains: their states, numbers of the rows below them, ids, and the one column from above.

CREATE OR REPLACE TEMP TABLE listed AS
SELECT touched.n, touched.tenant_id, touched.notification_id, min(created.known_at) AS listed_at
FROM touched
LEFT JOIN (FROM merged WHERE fact = 'created') AS created USING (n)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE slot_numbers AS
SELECT
    n,
    coalesce(recipient_id, '') AS recipient_id,
    count(*) AS deliveries,
    list_sort(list_distinct(list(channel))) AS channels
FROM slots
GROUP BY GROUPING SETS ((n), (n, recipient_id));

DELETE FROM notifications USING touched
WHERE notifications.notification_id = touched.notification_id AND notifications.tenant_id = touched.tenant_id;

INSERT INTO notifications BY NAME
WITH entry_numbers AS (
    SELECT
        n,
        count(*) AS recipients,
        count(*) FILTER (delivered_count > 0) AS recipients_delivered,
        count(*) FILTER (failed_count > 0) AS recipients_failed,
        count(*) FILTER (cancelled_count > 0) AS recipients_cancelled,
        count(*) FILTER (expired_count > 0) AS recipients_expired,
        count(*) FILTER (is_seen) AS recipients_seen,
        count(*) FILTER (opened_count > 0) AS recipients_opened,
        count(*) FILTER (clicked_count > 0) AS recipients_clicked,
        count(*) FILTER (is_read) AS recipients_read,
        count(*) FILTER (acknowledged_count > 0) AS recipients_acknowledged,
        count(*) FILTER (is_archived) AS recipients_archived,
        count(*) FILTER (is_snoozed) AS recipients_snoozed,
        count(*) FILTER (is_deleted) AS recipients_deleted
    FROM pivoted
    WHERE grain = 'inbox_entry'
    GROUP BY n
),
meant AS (
    SELECT touched.n, contents.channels
    FROM contents
    INNER JOIN touched USING (tenant_id, notification_id)
    WHERE contents.channels IS NOT NULL
)
SELECT
    listed.* EXCLUDE (n),
    pivoted.* EXCLUDE (
        r, n, grain, recipient_id, channel, delivery_ref,
        first_failed_permanently_at, last_failed_permanently_at, failed_permanently_count,
        is_seen, is_read, is_archived, is_snoozed, snoozed_until, is_deleted
    ),
    CASE
        WHEN meant.channels IS NULL THEN coalesce(slot_numbers.channels, [])
        ELSE list_sort(list_distinct(list_concat(slot_numbers.channels, meant.channels)))
    END AS channels,
    coalesce(slot_numbers.deliveries, 0) AS deliveries,
    coalesce(entry_numbers.recipients, 0) AS recipients,
    coalesce(entry_numbers.recipients_delivered, 0) AS recipients_delivered,
    coalesce(entry_numbers.recipients_failed, 0) AS recipients_failed,
    coalesce(entry_numbers.recipients_cancelled, 0) AS recipients_cancelled,
    coalesce(entry_numbers.recipients_expired, 0) AS recipients_expired,
    coalesce(entry_numbers.recipients_seen, 0) AS recipients_seen,
    coalesce(entry_numbers.recipients_opened, 0) AS recipients_opened,
    coalesce(entry_numbers.recipients_clicked, 0) AS recipients_clicked,
    coalesce(entry_numbers.recipients_read, 0) AS recipients_read,
    coalesce(entry_numbers.recipients_acknowledged, 0) AS recipients_acknowledged,
    coalesce(entry_numbers.recipients_archived, 0) AS recipients_archived,
    coalesce(entry_numbers.recipients_snoozed, 0) AS recipients_snoozed,
    coalesce(entry_numbers.recipients_deleted, 0) AS recipients_deleted
FROM pivoted
INNER JOIN listed USING (n)
LEFT JOIN slot_numbers ON slot_numbers.n = pivoted.n AND slot_numbers.recipient_id = ''
LEFT JOIN entry_numbers ON entry_numbers.n = pivoted.n
LEFT JOIN meant ON meant.n = pivoted.n
WHERE pivoted.grain = 'notification';

DELETE FROM inbox_entries USING touched
WHERE inbox_entries.notification_id = touched.notification_id AND inbox_entries.tenant_id = touched.tenant_id;

INSERT INTO inbox_entries BY NAME
WITH identified AS (
    -- Lengths of texts are those of their UTF-8 bytes; a notification_id has 36 ('00000024' in hexadecimal).
    SELECT
        listed.* EXCLUDE (n),
        entries.r,
        replace(listed.notification_id::VARCHAR, '-', '') AS digits,
        sha256(
            unhex(printf('%08x', strlen(listed.tenant_id))) || encode(listed.tenant_id)
            || unhex('00000024') || encode(listed.notification_id::VARCHAR)
            || unhex(printf('%08x', strlen(entries.recipient_id))) || encode(entries.recipient_id)
        ) AS hashed
    FROM grain_rows AS entries
    INNER JOIN listed USING (n)
    WHERE entries.grain = 'inbox_entry'
)
SELECT
    identified.* EXCLUDE (r, digits, hashed),
    -- 48 bits of the notification_id; version 8 and the variant over the bits of the hash that are theirs.
    (
        digits[1:12] || '8' || hashed[2:4] || translate(hashed[5], '0123456789abcdef', '89ab89ab89ab89ab')
        || hashed[6:20]
    )::UUID AS inbox_entry_id,
    pivoted.* EXCLUDE (
        r, n, grain, channel, delivery_ref,
        first_created_at, last_created_at, created_count,
        first_amended_at, last_amended_at, amended_count,
        first_audience_added_at, last_audience_added_at, audience_added_count,
        first_retracted_at, last_retracted_at, retracted_count,
        first_failed_permanently_at, last_failed_permanently_at, failed_permanently_count
    ),
    coalesce(slot_numbers.channels, []) AS channels,
    coalesce(slot_numbers.deliveries, 0) AS deliveries
FROM pivoted
INNER JOIN identified USING (r)
LEFT JOIN slot_numbers ON slot_numbers.n = pivoted.n AND slot_numbers.recipient_id = pivoted.recipient_id;

DELETE FROM deliveries USING touched
WHERE deliveries.notification_id = touched.notification_id AND deliveries.tenant_id = touched.tenant_id;

INSERT INTO deliveries BY NAME
SELECT
    listed.* EXCLUDE (n),
    pivoted.* EXCLUDE (
        r, n, grain,
        first_created_at, last_created_at, created_count,
        first_amended_at, last_amended_at, amended_count,
        first_audience_added_at, last_audience_added_at, audience_added_count,
        first_retracted_at, last_retracted_at, retracted_count,
        first_failed_permanently_at, last_failed_permanently_at, failed_permanently_count
    )
FROM pivoted
INNER JOIN listed USING (n)
WHERE pivoted.grain = 'delivery';
