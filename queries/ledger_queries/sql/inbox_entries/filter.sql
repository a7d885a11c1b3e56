-- The inbox entries that a filter asks for; list and count both read from here, so they cannot disagree.
SELECT entry.*
FROM inbox_entries AS entry
WHERE
    entry.tenant_id = $tenant
    AND entry.listed_at IS NOT NULL
    AND entry.listed_at >= $created_from -- when created_from
    AND entry.listed_at < $created_before -- when created_before
    AND entry.recipient_id = $recipient -- when recipient
    AND list_contains(entry.channels, $channel) -- when channel
    AND entry.is_read = $read -- when read
    AND (entry.fired_count > 0) = $reached_fired -- when reached_fired
    AND (entry.delivered_count > 0) = $reached_delivered -- when reached_delivered
    AND (entry.opened_count > 0) = $reached_opened -- when reached_opened
    AND (entry.read_count > 0) = $reached_read -- when reached_read
    AND (entry.unread_count > 0) = $reached_unread -- when reached_unread
    AND (entry.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (entry.failed_count > 0) = $reached_failed -- when reached_failed
