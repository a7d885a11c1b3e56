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
    AND (notification.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (notification.failed_count > 0) = $reached_failed -- when reached_failed
    AND (notification.attempted_count > 0) = $reached_attempted -- when reached_attempted
    AND (notification.deferred_count > 0) = $reached_deferred -- when reached_deferred
    AND (notification.cancelled_count > 0) = $reached_cancelled -- when reached_cancelled
    AND (notification.expired_count > 0) = $reached_expired -- when reached_expired
    AND (notification.seen_count > 0) = $reached_seen -- when reached_seen
    AND (notification.clicked_count > 0) = $reached_clicked -- when reached_clicked
    AND (notification.unread_count > 0) = $reached_unread -- when reached_unread
    AND (notification.archived_count > 0) = $reached_archived -- when reached_archived
    AND (notification.unarchived_count > 0) = $reached_unarchived -- when reached_unarchived
    AND (notification.snoozed_count > 0) = $reached_snoozed -- when reached_snoozed
    AND (notification.unsnoozed_count > 0) = $reached_unsnoozed -- when reached_unsnoozed
    AND (notification.action_completed_count > 0) = $reached_action_completed -- when reached_action_completed
    AND (notification.action_reverted_count > 0) = $reached_action_reverted -- when reached_action_reverted
    AND (notification.deleted_count > 0) = $reached_deleted -- when reached_deleted
    AND (notification.unsubscribed_count > 0) = $reached_unsubscribed -- when reached_unsubscribed
    AND (notification.complained_count > 0) = $reached_complained -- when reached_complained
    AND (notification.amended_count > 0) = $reached_amended -- when reached_amended
    AND (notification.audience_added_count > 0) = $reached_audience_added -- when reached_audience_added
    AND (notification.retracted_count > 0) = $reached_retracted -- when reached_retracted
