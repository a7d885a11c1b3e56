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
    AND marked(notification.marks, 'created') = $reached_created -- when reached_created
    AND marked(notification.marks, 'fired') = $reached_fired -- when reached_fired
    AND marked(notification.marks, 'delivered') = $reached_delivered -- when reached_delivered
    AND marked(notification.marks, 'opened') = $reached_opened -- when reached_opened
    AND marked(notification.marks, 'read') = $reached_read -- when reached_read
    AND marked(notification.marks, 'acknowledged') = $reached_acknowledged -- when reached_acknowledged
    AND marked(notification.marks, 'failed') = $reached_failed -- when reached_failed
    AND marked(notification.marks, 'attempted') = $reached_attempted -- when reached_attempted
    AND marked(notification.marks, 'deferred') = $reached_deferred -- when reached_deferred
    AND marked(notification.marks, 'cancelled') = $reached_cancelled -- when reached_cancelled
    AND marked(notification.marks, 'expired') = $reached_expired -- when reached_expired
    AND marked(notification.marks, 'seen') = $reached_seen -- when reached_seen
    AND marked(notification.marks, 'clicked') = $reached_clicked -- when reached_clicked
    AND marked(notification.marks, 'unread') = $reached_unread -- when reached_unread
    AND marked(notification.marks, 'archived') = $reached_archived -- when reached_archived
    AND marked(notification.marks, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND marked(notification.marks, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND marked(notification.marks, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND marked(notification.marks, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND marked(notification.marks, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND marked(notification.marks, 'deleted') = $reached_deleted -- when reached_deleted
    AND marked(notification.marks, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND marked(notification.marks, 'complained') = $reached_complained -- when reached_complained
    AND marked(notification.marks, 'amended') = $reached_amended -- when reached_amended
    AND marked(notification.marks, 'audience_added') = $reached_audience_added -- when reached_audience_added
    AND marked(notification.marks, 'retracted') = $reached_retracted -- when reached_retracted
