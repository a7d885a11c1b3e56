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
    AND (delivery.marks & seen_marks() <> 0) = $seen -- when seen
    AND marked(delivery.marks, 'is_read') = $read -- when read
    AND marked(delivery.marks, 'is_archived') = $archived -- when archived
    AND marked(delivery.marks, 'is_snoozed') = $snoozed -- when snoozed
    AND marked(delivery.marks, 'deleted') = $deleted -- when deleted
    AND marked(delivery.marks, 'fired') = $reached_fired -- when reached_fired
    AND marked(delivery.marks, 'delivered') = $reached_delivered -- when reached_delivered
    AND marked(delivery.marks, 'opened') = $reached_opened -- when reached_opened
    AND marked(delivery.marks, 'read') = $reached_read -- when reached_read
    AND marked(delivery.marks, 'acknowledged') = $reached_acknowledged -- when reached_acknowledged
    AND marked(delivery.marks, 'failed') = $reached_failed -- when reached_failed
    AND marked(delivery.marks, 'attempted') = $reached_attempted -- when reached_attempted
    AND marked(delivery.marks, 'deferred') = $reached_deferred -- when reached_deferred
    AND marked(delivery.marks, 'cancelled') = $reached_cancelled -- when reached_cancelled
    AND marked(delivery.marks, 'expired') = $reached_expired -- when reached_expired
    AND marked(delivery.marks, 'seen') = $reached_seen -- when reached_seen
    AND marked(delivery.marks, 'clicked') = $reached_clicked -- when reached_clicked
    AND marked(delivery.marks, 'unread') = $reached_unread -- when reached_unread
    AND marked(delivery.marks, 'archived') = $reached_archived -- when reached_archived
    AND marked(delivery.marks, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND marked(delivery.marks, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND marked(delivery.marks, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND marked(delivery.marks, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND marked(delivery.marks, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND marked(delivery.marks, 'deleted') = $reached_deleted -- when reached_deleted
    AND marked(delivery.marks, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND marked(delivery.marks, 'complained') = $reached_complained -- when reached_complained
