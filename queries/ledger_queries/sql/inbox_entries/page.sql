-- One page of the filtered inbox entries, in the order that was asked for, from after a row or an offset on.
SELECT
    page.* EXCLUDE (stated),
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
        filtered.notification_id DESC, filtered.recipient_id
    LIMIT $rows
    OFFSET $skipped -- when skipped
) AS page
LEFT JOIN content_rows AS content
    ON content.n = page.n
ORDER BY
    -- insert page_order
    page.notification_id DESC, page.recipient_id;
