-- The inbox entries of one notification.
SELECT *
FROM inbox_entries
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id
ORDER BY recipient_id
LIMIT $rows;
