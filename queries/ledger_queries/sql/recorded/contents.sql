-- What notifications say (their numbers, in a list): the fields that are asked for, each a line.
-- With a recipient, the audience has that member alone: of a broadcast all members take longer than all the rest.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS ordinal,
        unnest($n::BIGINT[]) AS n
)
-- when created_asked
, created AS MATERIALIZED (
    SELECT
        n,
        arg_min(correlation_id, row(occurred_at, event_id)) AS correlation_id, -- when correlation_id
        min(occurred_at) AS created_at
    FROM event_rows
    WHERE n = ANY($n::BIGINT[])
    AND kind = 'created'
    AND NOT is_taken_back(n, event_id, kind)
    GROUP BY n
)
-- end when
SELECT
    -- insert fields
    list_filter(content.audience, lambda member: member.recipient_id = $recipient) AS audience, -- when recipient
    created.correlation_id, -- when correlation_id
    created.created_at, -- when created_at
    asked.ordinal
FROM asked
INNER JOIN content_rows AS content ON content.n = asked.n
LEFT JOIN created ON created.n = asked.n -- when created_asked
WHERE content.n = ANY($n::BIGINT[]);
