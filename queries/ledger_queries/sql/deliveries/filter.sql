-- The deliveries that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT delivery.*
FROM delivery_rows AS delivery
LEFT JOIN content_rows AS scheduled ON scheduled.n = delivery.n -- when due_asked
WHERE
    delivery.tenant_id = $tenant
    AND delivery.listed_at IS NOT NULL
    AND delivery.notification_id = ANY($notification_id::UUID[]) -- when notification_id
    AND delivery.n IN (SELECT n FROM content_asked) -- when content_asked
    AND coalesce(scheduled.scheduled_at, delivery.listed_at) >= $due_from -- when due_from
    AND coalesce(scheduled.scheduled_at, delivery.listed_at) < $due_before -- when due_before
    AND delivery.listed_at >= $created_from -- when created_from
    AND delivery.listed_at < $created_before -- when created_before
    AND delivery.recipient_id = $recipient -- when recipient
    AND delivery.channel = $channel -- when channel
    AND delivery.is_seen = $seen -- when seen
    AND delivery.is_read = $read -- when read
    AND delivery.is_archived = $archived -- when archived
    AND delivery.is_snoozed = $snoozed -- when snoozed
    AND delivery.is_deleted = $deleted -- when deleted
    AND (delivery.first_fired_at IS NOT NULL) = $reached_fired -- when reached_fired
    AND (delivery.first_delivered_at IS NOT NULL) = $reached_delivered -- when reached_delivered
    AND (delivery.first_opened_at IS NOT NULL) = $reached_opened -- when reached_opened
    AND (delivery.first_read_at IS NOT NULL) = $reached_read -- when reached_read
    AND (delivery.first_acknowledged_at IS NOT NULL) = $reached_acknowledged -- when reached_acknowledged
    AND (delivery.first_failed_at IS NOT NULL) = $reached_failed -- when reached_failed
    AND reached(delivery.facts, 'attempted') = $reached_attempted -- when reached_attempted
    AND reached(delivery.facts, 'deferred') = $reached_deferred -- when reached_deferred
    AND (delivery.first_cancelled_at IS NOT NULL) = $reached_cancelled -- when reached_cancelled
    AND (delivery.first_expired_at IS NOT NULL) = $reached_expired -- when reached_expired
    AND (delivery.first_seen_at IS NOT NULL) = $reached_seen -- when reached_seen
    AND (delivery.first_clicked_at IS NOT NULL) = $reached_clicked -- when reached_clicked
    AND reached(delivery.facts, 'unread') = $reached_unread -- when reached_unread
    AND reached(delivery.facts, 'archived') = $reached_archived -- when reached_archived
    AND reached(delivery.facts, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND reached(delivery.facts, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND reached(delivery.facts, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND reached(delivery.facts, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND reached(delivery.facts, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND delivery.is_deleted = $reached_deleted -- when reached_deleted
    AND reached(delivery.facts, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND reached(delivery.facts, 'complained') = $reached_complained -- when reached_complained
