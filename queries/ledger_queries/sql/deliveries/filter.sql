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
    AND delivery.is_read = $read -- when read
    AND (delivery.fired_count > 0) = $reached_fired -- when reached_fired
    AND (delivery.delivered_count > 0) = $reached_delivered -- when reached_delivered
    AND (delivery.opened_count > 0) = $reached_opened -- when reached_opened
    AND (delivery.read_count > 0) = $reached_read -- when reached_read
    AND (delivery.unread_count > 0) = $reached_unread -- when reached_unread
    AND (delivery.acknowledged_count > 0) = $reached_acknowledged -- when reached_acknowledged
    AND (delivery.failed_count > 0) = $reached_failed -- when reached_failed
