-- The deliveries of one notification.
SELECT *
FROM deliveries
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id
ORDER BY recipient_id, channel, delivery_ref
LIMIT $rows;
