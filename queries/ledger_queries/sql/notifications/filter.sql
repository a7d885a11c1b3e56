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
    AND reached(notification.facts, 'created') = $reached_created -- when reached_created
    AND (notification.first_fired_at IS NOT NULL) = $reached_fired -- when reached_fired
    AND (notification.first_delivered_at IS NOT NULL) = $reached_delivered -- when reached_delivered
    AND (notification.first_opened_at IS NOT NULL) = $reached_opened -- when reached_opened
    AND (notification.first_read_at IS NOT NULL) = $reached_read -- when reached_read
    AND (notification.first_acknowledged_at IS NOT NULL) = $reached_acknowledged -- when reached_acknowledged
    AND (notification.first_failed_at IS NOT NULL) = $reached_failed -- when reached_failed
    AND reached(notification.facts, 'attempted') = $reached_attempted -- when reached_attempted
    AND reached(notification.facts, 'deferred') = $reached_deferred -- when reached_deferred
    AND (notification.first_cancelled_at IS NOT NULL) = $reached_cancelled -- when reached_cancelled
    AND (notification.first_expired_at IS NOT NULL) = $reached_expired -- when reached_expired
    AND (notification.first_seen_at IS NOT NULL) = $reached_seen -- when reached_seen
    AND (notification.first_clicked_at IS NOT NULL) = $reached_clicked -- when reached_clicked
    AND reached(notification.facts, 'unread') = $reached_unread -- when reached_unread
    AND reached(notification.facts, 'archived') = $reached_archived -- when reached_archived
    AND reached(notification.facts, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND reached(notification.facts, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND reached(notification.facts, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND reached(notification.facts, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND reached(notification.facts, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND reached(notification.facts, 'deleted') = $reached_deleted -- when reached_deleted
    AND reached(notification.facts, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND reached(notification.facts, 'complained') = $reached_complained -- when reached_complained
    AND reached(notification.facts, 'amended') = $reached_amended -- when reached_amended
    AND reached(notification.facts, 'audience_added') = $reached_audience_added -- when reached_audience_added
    AND reached(notification.facts, 'retracted') = $reached_retracted -- when reached_retracted
