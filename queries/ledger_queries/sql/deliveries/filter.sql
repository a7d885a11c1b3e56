-- The deliveries that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT delivery.*
FROM deliveries AS delivery
WHERE
    delivery.tenant_id = $tenant
    AND delivery.listed_at IS NOT NULL
    AND delivery.listed_at >= $created_from -- when created_from
    AND delivery.listed_at < $created_before -- when created_before
    AND delivery.recipient_id = $recipient -- when recipient
    AND delivery.channel = $channel -- when channel
    AND delivery.is_seen = $seen -- when seen
    AND delivery.is_read = $read -- when read
    AND delivery.is_archived = $archived -- when archived
    AND delivery.is_snoozed = $snoozed -- when snoozed
    AND delivery.is_deleted = $deleted -- when deleted
    AND (delivery.fired_count > 0) = $reached_fired -- when reached_fired
    AND (delivery.delivered_count > 0) = $reached_delivered -- when reached_delivered
    AND (delivery.opened_count > 0) = $reached_opened -- when reached_opened
    AND (delivery.read_count > 0) = $reached_read -- when reached_read
    AND (delivery.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (delivery.failed_count > 0) = $reached_failed -- when reached_failed
    AND (delivery.attempted_count > 0) = $reached_attempted -- when reached_attempted
    AND (delivery.deferred_count > 0) = $reached_deferred -- when reached_deferred
    AND (delivery.cancelled_count > 0) = $reached_cancelled -- when reached_cancelled
    AND (delivery.expired_count > 0) = $reached_expired -- when reached_expired
    AND (delivery.seen_count > 0) = $reached_seen -- when reached_seen
    AND (delivery.clicked_count > 0) = $reached_clicked -- when reached_clicked
    AND (delivery.unread_count > 0) = $reached_unread -- when reached_unread
    AND (delivery.archived_count > 0) = $reached_archived -- when reached_archived
    AND (delivery.unarchived_count > 0) = $reached_unarchived -- when reached_unarchived
    AND (delivery.snoozed_count > 0) = $reached_snoozed -- when reached_snoozed
    AND (delivery.unsnoozed_count > 0) = $reached_unsnoozed -- when reached_unsnoozed
    AND (delivery.action_completed_count > 0) = $reached_action_completed -- when reached_action_completed
    AND (delivery.action_reverted_count > 0) = $reached_action_reverted -- when reached_action_reverted
    AND (delivery.deleted_count > 0) = $reached_deleted -- when reached_deleted
    AND (delivery.unsubscribed_count > 0) = $reached_unsubscribed -- when reached_unsubscribed
    AND (delivery.complained_count > 0) = $reached_complained -- when reached_complained
