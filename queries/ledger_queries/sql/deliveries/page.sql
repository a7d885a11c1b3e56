-- One page of the filtered deliveries, in the order that was asked for, from after a row or an offset on.
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
    SELECT
        -- insert sorted_by
        filtered.*
    FROM filtered
    LEFT JOIN content_rows AS content ON content.n = filtered.n -- when by_content
    WHERE
        true
        -- insert after
    ORDER BY
        -- insert order
        filtered.notification_id DESC,
        filtered.recipient_id,
        filtered.channel,
        filtered.delivery_ref
    LIMIT $rows
    OFFSET $skipped -- when skipped
) AS page
LEFT JOIN content_rows AS content
    ON content.n = page.n
ORDER BY
    -- insert page_order
    page.notification_id DESC, page.recipient_id, page.channel, page.delivery_ref;
