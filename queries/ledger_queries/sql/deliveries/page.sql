-- One page of the filtered deliveries, newest first, from behind the row that the cursor names.
SELECT
    page.*,
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
                AND (filtered.recipient_id, filtered.channel, filtered.delivery_ref)
                > ($after_recipient_id, $after_channel, $after_delivery_ref)
            )
        )
    -- end when
    ORDER BY
        filtered.listed_at DESC,
        filtered.notification_id DESC,
        filtered.recipient_id,
        filtered.channel,
        filtered.delivery_ref
    LIMIT $rows
) AS page
LEFT JOIN contents AS content
    ON content.tenant_id = $tenant AND content.notification_id = page.notification_id
ORDER BY page.listed_at DESC, page.notification_id DESC, page.recipient_id, page.channel, page.delivery_ref;
