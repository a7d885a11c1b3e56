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
    -- insert reached
