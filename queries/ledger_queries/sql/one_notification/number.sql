-- The number of one notification of one tenant: by it all its rows are found.
SELECT n
FROM directory
WHERE
    notification_id = $notification_id
    AND tenant_id = $tenant;
