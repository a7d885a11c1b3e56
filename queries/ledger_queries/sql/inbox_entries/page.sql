-- One page of the filtered inbox entries, newest first, from behind the row that the cursor names.
SELECT
    page.*,
    marked(page.marks, 'failed_permanently') AS failed_permanently,
    page.marks & seen_marks() <> 0 AS is_seen,
    marked(page.marks, 'is_read') AS is_read,
    marked(page.marks, 'is_archived') AS is_archived,
    marked(page.marks, 'is_snoozed') AS is_snoozed,
    marked(page.marks, 'deleted') AS is_deleted,
    content.personal.title AS title
FROM (
    SELECT filtered.*
    FROM filtered
    -- when after_listed_at
    WHERE
        filtered.listed_at <= $after_listed_at
        AND (
            filtered.listed_at < $after_listed_at
            OR filtered.notification_id < $after_notification_id
            OR (
                filtered.notification_id = $after_notification_id
                AND filtered.recipient_id > $after_recipient_id
            )
        )
    -- end when
    ORDER BY filtered.listed_at DESC, filtered.notification_id DESC, filtered.recipient_id
    LIMIT $rows
) AS page
LEFT JOIN content_rows AS content
    ON content.n = page.n
ORDER BY page.listed_at DESC, page.notification_id DESC, page.recipient_id;
