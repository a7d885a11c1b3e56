-- The inbox entries that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT entry.*
FROM inbox_entries AS entry
WHERE
    entry.tenant_id = $tenant
    AND entry.listed_at IS NOT NULL
    AND entry.listed_at >= $created_from -- when created_from
    AND entry.listed_at < $created_before -- when created_before
    AND entry.inbox_entry_id = $inbox_entry_id -- when inbox_entry_id
    AND entry.recipient_id = $recipient -- when recipient
    AND list_contains(entry.channels, $channel) -- when channel
    AND entry.is_seen = $seen -- when seen
    AND entry.is_read = $read -- when read
    AND entry.is_archived = $archived -- when archived
    AND entry.is_snoozed = $snoozed -- when snoozed
    AND entry.is_deleted = $deleted -- when deleted
    AND (entry.fired_count > 0) = $reached_fired -- when reached_fired
    AND (entry.delivered_count > 0) = $reached_delivered -- when reached_delivered
    AND (entry.opened_count > 0) = $reached_opened -- when reached_opened
    AND (entry.read_count > 0) = $reached_read -- when reached_read
    AND (entry.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (entry.failed_count > 0) = $reached_failed -- when reached_failed
    AND (entry.attempted_count > 0) = $reached_attempted -- when reached_attempted
    AND (entry.deferred_count > 0) = $reached_deferred -- when reached_deferred
    AND (entry.cancelled_count > 0) = $reached_cancelled -- when reached_cancelled
    AND (entry.expired_count > 0) = $reached_expired -- when reached_expired
    AND (entry.seen_count > 0) = $reached_seen -- when reached_seen
    AND (entry.clicked_count > 0) = $reached_clicked -- when reached_clicked
    AND (entry.unread_count > 0) = $reached_unread -- when reached_unread
    AND (entry.archived_count > 0) = $reached_archived -- when reached_archived
    AND (entry.unarchived_count > 0) = $reached_unarchived -- when reached_unarchived
    AND (entry.snoozed_count > 0) = $reached_snoozed -- when reached_snoozed
    AND (entry.unsnoozed_count > 0) = $reached_unsnoozed -- when reached_unsnoozed
    AND (entry.action_completed_count > 0) = $reached_action_completed -- when reached_action_completed
    AND (entry.action_reverted_count > 0) = $reached_action_reverted -- when reached_action_reverted
    AND (entry.deleted_count > 0) = $reached_deleted -- when reached_deleted
    AND (entry.unsubscribed_count > 0) = $reached_unsubscribed -- when reached_unsubscribed
    AND (entry.complained_count > 0) = $reached_complained -- when reached_complained
