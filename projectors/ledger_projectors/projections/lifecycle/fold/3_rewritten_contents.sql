-- Only when there is a row in rewritten
-- What notifications say for which several events speak: per field, what the latest amended that speaks of it says, else
-- the earliest created that has a value.

CREATE OR REPLACE TEMP TABLE heard_again AS
WITH wording_events AS (
    SELECT
        n, kind, event_id, occurred_at, recorded_at, log_partition, log_offset, source, actor, audience, written_in
    FROM prior
    UNION ALL
    SELECT n, kind, event_id, occurred_at, recorded_at, log_partition, log_offset, source, actor, audience, 0
    FROM fresh
)
SELECT
    *,
    -- The latest amended decides; of the other kinds, the one that occurred first.
    row_number() OVER (
        PARTITION BY n, kind
        ORDER BY CASE WHEN kind = 'amended' THEN recency(occurred_at, recorded_at, event_id) END, occurred_at, event_id
    ) AS place
FROM wording_events
SEMI JOIN rewritten USING (n)
ANTI JOIN taken_back USING (n, event_id)
WHERE kind IN ('created', 'amended', 'audience_added');

CREATE OR REPLACE TEMP TABLE worded AS
WITH contents AS (
    FROM batch_contents
    SEMI JOIN heard_again USING (log_partition, log_offset)
    UNION ALL BY NAME
    SELECT event_contents.* EXCLUDE (written_in)
    FROM event_contents
    SEMI JOIN heard_again USING (written_in, log_partition, log_offset)
)
SELECT
    heard_again.* EXCLUDE (log_partition, log_offset) REPLACE (nullif(heard_again.audience, []) AS audience),
    contents.* EXCLUDE (log_partition, log_offset) REPLACE (
        nullif(contents.channels, []) AS channels,
        nullif(contents.groups, []) AS groups,
        nullif(contents.tags, []) AS tags,
        nullif(contents.contexts, []) AS contexts,
        -- Opening a file checks that it has one position for each partition of the topic.
        coalesce(
            contents."number",
            heard_again.log_offset * (SELECT partitions FROM read_model) + heard_again.log_partition
        ) AS "number",
        -- A key id without the text that it locks is no value.
        CASE WHEN contents.personal IS NOT NULL THEN contents.personal_key_id END AS personal_key_id
    ),
    CASE WHEN heard_again.kind = 'created' THEN -heard_again.place END AS earliness,
    -- Whatever an amended says goes before what any created does.
    coalesce(earliness, heard_again.place) AS weight
FROM heard_again
LEFT JOIN contents USING (log_partition, log_offset);

-- What only created says is a value; of what amended may clear, no value is one, too.

CREATE OR REPLACE TEMP TABLE said AS
SELECT
    n,
    arg_max(source, earliness) AS source,
    arg_max(actor, earliness) AS actor,
    arg_max(creator, earliness) AS creator,
    arg_max(parent_notification_id, earliness) AS parent_notification_id,
    arg_max(external_id, earliness) AS external_id,
    arg_max("number", earliness) AS "number",
    arg_max(attributes, earliness) AS attributes,
    arg_max(audience, earliness) AS audience,
    arg_max_null(channels, spoken_of(channels, 'channels', cleared, weight)) AS channels,
    arg_max_null(groups, spoken_of(groups, 'groups', cleared, weight)) AS groups,
    arg_max_null("type", spoken_of("type", 'type', cleared, weight)) AS "type",
    arg_max_null(category, spoken_of(category, 'category', cleared, weight)) AS category,
    arg_max_null("action", spoken_of("action", 'action', cleared, weight)) AS "action",
    arg_max_null(reason, spoken_of(reason, 'reason', cleared, weight)) AS reason,
    arg_max_null(priority, spoken_of(priority, 'priority', cleared, weight)) AS priority,
    arg_max_null(severity, spoken_of(severity, 'severity', cleared, weight)) AS severity,
    arg_max_null(subject, spoken_of(subject, 'subject', cleared, weight)) AS subject,
    arg_max_null("template", spoken_of("template", 'template', cleared, weight)) AS "template",
    arg_max_null(schedule, spoken_of(schedule, 'schedule', cleared, weight)) AS schedule,
    arg_max_null(scheduled_at, spoken_of(scheduled_at, 'scheduled_at', cleared, weight)) AS scheduled_at,
    arg_max_null(expires_at, spoken_of(expires_at, 'expires_at', cleared, weight)) AS expires_at,
    arg_max_null(digest, spoken_of(digest, 'digest', cleared, weight)) AS digest,
    arg_max_null(tags, spoken_of(tags, 'tags', cleared, weight)) AS tags,
    arg_max_null(contexts, spoken_of(contexts, 'contexts', cleared, weight)) AS contexts,
    arg_max_null(personal, spoken_of(personal, 'personal', cleared, weight)) AS personal,
    -- It belongs to the text that it locks.
    arg_max_null(personal_key_id, spoken_of(personal, 'personal', cleared, weight)) AS personal_key_id
FROM worded
GROUP BY n
HAVING count(earliness) > 0;

INSERT INTO content_rows BY NAME
WITH grown AS (
    SELECT n, 0 AS place, audience
    FROM said
    SEMI JOIN (FROM worded WHERE kind = 'audience_added') AS added USING (n)
    UNION ALL
    SELECT n, place, audience
    FROM worded
    WHERE kind = 'audience_added'
),
members AS (
    SELECT n, place, unnest(audience) AS member, generate_subscripts(audience, 1) AS nth
    FROM grown
),
named_first AS (
    FROM members
    QUALIFY row_number() OVER (
        PARTITION BY n, member.recipient_id
        ORDER BY place, nth
    ) = 1
),
united AS (
    SELECT n, list(member ORDER BY place, nth) AS audience
    FROM named_first
    GROUP BY n
)
SELECT
    touched.n,
    touched.tenant_id,
    touched.notification_id,
    said.* EXCLUDE (n) REPLACE (coalesce(united.audience, said.audience) AS audience)
FROM said
INNER JOIN touched USING (n)
LEFT JOIN united USING (n);
