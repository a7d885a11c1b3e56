-- What one notification says; who was addressed how, and what providers said about it, stays inside.
SELECT
    * EXCLUDE (n, tenant_id, notification_id, personal),
    personal.title AS title,
    personal.body AS body,
    personal.body_formatted AS body_formatted,
    personal.link AS link,
    personal.data AS data,
    personal.subject_name AS subject_name,
    personal.creator_name AS creator_name
FROM content_rows
WHERE n = $n;
