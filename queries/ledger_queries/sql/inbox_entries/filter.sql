-- The inbox entries that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT entry.*
FROM inbox_entry_rows AS entry
LEFT JOIN content_rows AS scheduled ON scheduled.n = entry.n -- when due_asked
WHERE
    entry.tenant_id = $tenant
    AND entry.listed_at IS NOT NULL
    AND entry.notification_id = ANY($notification_id::UUID[]) -- when notification_id
    AND entry.notification_id BETWEEN $id_from AND $id_to -- when id_from
    AND entry.n IN (SELECT n FROM content_asked) -- when content_asked
    AND coalesce(scheduled.scheduled_at, entry.listed_at) >= $due_from -- when due_from
    AND coalesce(scheduled.scheduled_at, entry.listed_at) < $due_before -- when due_before
    AND entry.listed_at >= $created_from -- when created_from
    AND entry.listed_at < $created_before -- when created_before
    -- An inbox entry's id begins as its notification's does: so only few are derived.
    AND entry.notification_id BETWEEN $inbox_entry_id_from AND $inbox_entry_id_to -- when inbox_entry_id
    AND inbox_entry_id_of(entry.tenant_id, entry.notification_id, entry.recipient_id) = $inbox_entry_id -- when inbox_entry_id
    AND entry.recipient_id = $recipient -- when recipient
    -- when channel
    AND (entry.n, entry.recipient_id) IN (
        SELECT delivery.n, delivery.recipient_id
        FROM delivery_rows AS delivery
        WHERE delivery.tenant_id = $tenant AND delivery.channel = $channel
    )
    -- end when
    AND entry.is_seen = $seen -- when seen
    AND entry.is_read = $read -- when read
    AND entry.is_archived = $archived -- when archived
    AND entry.is_snoozed = $snoozed -- when snoozed
    AND entry.is_deleted = $deleted -- when deleted
    AND (entry.first_fired_at IS NOT NULL) = $reached_fired -- when reached_fired
    AND (entry.first_delivered_at IS NOT NULL) = $reached_delivered -- when reached_delivered
    AND (entry.first_opened_at IS NOT NULL) = $reached_opened -- when reached_opened
    AND (entry.first_read_at IS NOT NULL) = $reached_read -- when reached_read
    AND (entry.first_acknowledged_at IS NOT NULL) = $reached_acknowledged -- when reached_acknowledged
    AND (entry.first_failed_at IS NOT NULL) = $reached_failed -- when reached_failed
    AND reached(entry.facts, 'attempted') = $reached_attempted -- when reached_attempted
    AND reached(entry.facts, 'deferred') = $reached_deferred -- when reached_deferred
    AND (entry.first_cancelled_at IS NOT NULL) = $reached_cancelled -- when reached_cancelled
    AND (entry.first_expired_at IS NOT NULL) = $reached_expired -- when reached_expired
    AND (entry.first_seen_at IS NOT NULL) = $reached_seen -- when reached_seen
    AND (entry.first_clicked_at IS NOT NULL) = $reached_clicked -- when reached_clicked
    AND reached(entry.facts, 'unread') = $reached_unread -- when reached_unread
    AND reached(entry.facts, 'archived') = $reached_archived -- when reached_archived
    AND reached(entry.facts, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND reached(entry.facts, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND reached(entry.facts, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND reached(entry.facts, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND reached(entry.facts, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND entry.is_deleted = $reached_deleted -- when reached_deleted
    AND reached(entry.facts, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND reached(entry.facts, 'complained') = $reached_complained -- when reached_complained
