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
    content.source, -- when source
    content.actor, -- when actor
    content.creator, -- when creator
    content.parent_notification_id, -- when parent_notification_id
    content.external_id, -- when external_id
    content."number", -- when number
    content.attributes, -- when attributes
    content.audience, -- when audience
    list_filter(content.audience, lambda member: member.recipient_id = $recipient) AS audience, -- when recipient
    content.channels, -- when channels
    content.groups, -- when groups
    content."type", -- when type
    content.category, -- when category
    content."action", -- when action
    content.reason, -- when reason
    content.priority, -- when priority
    content.severity, -- when severity
    content.subject, -- when subject
    content."template", -- when template
    content.schedule, -- when schedule
    content.scheduled_at, -- when scheduled_at
    content.expires_at, -- when expires_at
    content.digest, -- when digest
    content.tags, -- when tags
    content.contexts, -- when contexts
    content.personal_key_id, -- when personal_key_id
    content.personal.title AS title, -- when title
    content.personal.body AS body, -- when body
    content.personal.body_formatted AS body_formatted, -- when body_formatted
    content.personal.link AS link, -- when link
    content.personal."data" AS "data", -- when data
    content.personal.subject_name AS subject_name, -- when subject_name
    content.personal.creator_name AS creator_name, -- when creator_name
    content.personal.creator_address AS creator_address, -- when creator_address
    content.personal.addresses AS addresses, -- when addresses
    created.correlation_id, -- when correlation_id
    created.created_at, -- when created_at
    asked.ordinal
FROM asked
INNER JOIN content_rows AS content ON content.n = asked.n
LEFT JOIN created ON created.n = asked.n -- when created_asked
WHERE content.n = ANY($n::BIGINT[]);
