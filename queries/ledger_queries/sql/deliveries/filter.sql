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
    -- insert reached
