-- The notifications that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT notification.*
FROM notifications AS notification
WHERE
    notification.tenant_id = $tenant
    AND notification.listed_at IS NOT NULL
    AND notification.listed_at >= $created_from -- when created_from
    AND notification.listed_at < $created_before -- when created_before
    AND list_contains(notification.channels, $channel) -- when channel
    -- when recipient
    AND notification.notification_id IN (
        SELECT entry.notification_id
        FROM inbox_entries AS entry
        WHERE
            entry.tenant_id = $tenant
            AND entry.recipient_id = $recipient
            AND list_contains(entry.channels, $channel) -- when channel
    )
    -- end when
    AND (notification.created_count > 0) = $reached_created -- when reached_created
    AND (notification.fired_count > 0) = $reached_fired -- when reached_fired
    AND (notification.delivered_count > 0) = $reached_delivered -- when reached_delivered
    AND (notification.opened_count > 0) = $reached_opened -- when reached_opened
    AND (notification.read_count > 0) = $reached_read -- when reached_read
    AND (notification.unread_count > 0) = $reached_unread -- when reached_unread
    AND (notification.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (notification.failed_count > 0) = $reached_failed -- when reached_failed
