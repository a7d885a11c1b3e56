-- How many further copies of this notification's events the log holds.
SELECT count(*) AS duplicates
FROM duplicates
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id;
