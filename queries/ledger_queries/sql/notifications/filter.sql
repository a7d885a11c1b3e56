-- The notifications that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT notification.*
FROM notification_rows AS notification
LEFT JOIN content_rows AS scheduled ON scheduled.n = notification.n -- when due_asked
WHERE
    notification.tenant_id = $tenant
    AND notification.listed_at IS NOT NULL
    AND notification.notification_id = ANY($notification_id::UUID[]) -- when notification_id
    AND notification.n IN (SELECT n FROM content_asked) -- when content_asked
    AND coalesce(scheduled.scheduled_at, notification.listed_at) >= $due_from -- when due_from
    AND coalesce(scheduled.scheduled_at, notification.listed_at) < $due_before -- when due_before
    AND notification.listed_at >= $created_from -- when created_from
    AND notification.listed_at < $created_before -- when created_before
    -- when channel
    AND notification.n IN (
        SELECT delivery.n
        FROM delivery_rows AS delivery
        WHERE delivery.tenant_id = $tenant AND delivery.channel = $channel
        UNION ALL
        SELECT content.n
        FROM content_rows AS content
        WHERE content.tenant_id = $tenant AND list_contains(content.channels, $channel)
    )
    -- end when
    -- when recipient
    AND notification.notification_id IN (
        SELECT entry.notification_id
        FROM inbox_entry_rows AS entry
        WHERE
            entry.tenant_id = $tenant
            AND entry.recipient_id = $recipient
            AND (entry.n, entry.recipient_id) IN ( -- when channel
                SELECT delivery.n, delivery.recipient_id -- when channel
                FROM delivery_rows AS delivery -- when channel
                WHERE delivery.tenant_id = $tenant AND delivery.channel = $channel -- when channel
            ) -- when channel
    )
    -- end when
    -- insert reached
