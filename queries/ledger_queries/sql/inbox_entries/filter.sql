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
    AND (entry.marks & seen_marks() <> 0) = $seen -- when seen
    AND marked(entry.marks, 'is_read') = $read -- when read
    AND marked(entry.marks, 'is_archived') = $archived -- when archived
    AND marked(entry.marks, 'is_snoozed') = $snoozed -- when snoozed
    AND marked(entry.marks, 'deleted') = $deleted -- when deleted
    AND marked(entry.marks, 'fired') = $reached_fired -- when reached_fired
    AND marked(entry.marks, 'delivered') = $reached_delivered -- when reached_delivered
    AND marked(entry.marks, 'opened') = $reached_opened -- when reached_opened
    AND marked(entry.marks, 'read') = $reached_read -- when reached_read
    AND marked(entry.marks, 'acknowledged') = $reached_acknowledged -- when reached_acknowledged
    AND marked(entry.marks, 'failed') = $reached_failed -- when reached_failed
    AND marked(entry.marks, 'attempted') = $reached_attempted -- when reached_attempted
    AND marked(entry.marks, 'deferred') = $reached_deferred -- when reached_deferred
    AND marked(entry.marks, 'cancelled') = $reached_cancelled -- when reached_cancelled
    AND marked(entry.marks, 'expired') = $reached_expired -- when reached_expired
    AND marked(entry.marks, 'seen') = $reached_seen -- when reached_seen
    AND marked(entry.marks, 'clicked') = $reached_clicked -- when reached_clicked
    AND marked(entry.marks, 'unread') = $reached_unread -- when reached_unread
    AND marked(entry.marks, 'archived') = $reached_archived -- when reached_archived
    AND marked(entry.marks, 'unarchived') = $reached_unarchived -- when reached_unarchived
    AND marked(entry.marks, 'snoozed') = $reached_snoozed -- when reached_snoozed
    AND marked(entry.marks, 'unsnoozed') = $reached_unsnoozed -- when reached_unsnoozed
    AND marked(entry.marks, 'action_completed') = $reached_action_completed -- when reached_action_completed
    AND marked(entry.marks, 'action_reverted') = $reached_action_reverted -- when reached_action_reverted
    AND marked(entry.marks, 'deleted') = $reached_deleted -- when reached_deleted
    AND marked(entry.marks, 'unsubscribed') = $reached_unsubscribed -- when reached_unsubscribed
    AND marked(entry.marks, 'complained') = $reached_complained -- when reached_complained
