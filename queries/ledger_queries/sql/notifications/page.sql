-- One page of the filtered notifications, newest first, from behind the row that the cursor names.
SELECT
    page.*,
    marked(page.marks, 'failed_permanently') AS failed_permanently,
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
        )
    -- end when
    ORDER BY filtered.listed_at DESC, filtered.notification_id DESC
    LIMIT $rows
) AS page
LEFT JOIN content_rows AS content
    ON content.n = page.n
ORDER BY page.listed_at DESC, page.notification_id DESC;
