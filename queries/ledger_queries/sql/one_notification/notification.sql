-- One notification of one tenant.
SELECT *
FROM notifications
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id;
