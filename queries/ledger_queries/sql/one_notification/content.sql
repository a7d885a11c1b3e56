-- What one notification says.
SELECT
    source,
    actor,
    category,
    "action",
    priority,
    subject,
    external_id,
    scheduled_at,
    tags,
    audience,
    personal.title AS title,
    personal.body AS body,
    personal.data AS data,
    personal_key_id
FROM contents
WHERE
    tenant_id = $tenant
    AND notification_id = $notification_id;
