-- One page of the filtered notifications, in the order that was asked for, from after a row or an offset on.
SELECT
    page.* EXCLUDE (stated, seen_events) REPLACE (list_sort(list_distinct(list_concat(page.channels, content.channels))) AS channels),
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
        filtered.notification_id DESC
    LIMIT $rows
    OFFSET $skipped -- when skipped
) AS page
LEFT JOIN content_rows AS content
    ON content.n = page.n
ORDER BY
    -- insert page_order
    page.notification_id DESC;
