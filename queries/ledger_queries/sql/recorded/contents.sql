-- What notifications say (their batches and numbers, in lists), and under what they were created, and when.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n
),
created AS MATERIALIZED (
    SELECT
        n,
        min(occurred_at) AS created_at,
        arg_min(correlation_id, row(occurred_at, event_id)) AS correlation_id
    FROM event_rows
    WHERE touched_in = ANY($touched_in::INTEGER[])
    AND n = ANY($n::BIGINT[])
    AND kind = 'created'
    AND NOT is_retracted
    GROUP BY n
)
SELECT
    asked.place,
    content.* EXCLUDE (n, tenant_id, notification_id, personal),
    content.personal.title AS title,
    content.personal.body AS body,
    content.personal.body_formatted AS body_formatted,
    content.personal.link AS link,
    content.personal.data AS data,
    content.personal.subject_name AS subject_name,
    content.personal.creator_name AS creator_name,
    content.personal.creator_address AS creator_address,
    content.personal.addresses AS addresses,
    created.created_at,
    created.correlation_id
FROM asked
INNER JOIN content_rows AS content ON content.n = asked.n
LEFT JOIN created ON created.n = asked.n
WHERE content.n = ANY($n::BIGINT[]);
