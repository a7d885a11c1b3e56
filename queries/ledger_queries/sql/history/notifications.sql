-- Which notifications these are, by their numbers in this file.
SELECT n, tenant_id, notification_id::VARCHAR AS notification_id
FROM directory
SEMI JOIN (SELECT unnest($numbers::BIGINT []) AS n) AS asked USING (n);
