-- The number of one notification of one tenant, and the batch that touched it last: by these all its rows are found.
SELECT n, touched_in
FROM directory
WHERE
    notification_id = $notification_id
    AND tenant_id = $tenant;
