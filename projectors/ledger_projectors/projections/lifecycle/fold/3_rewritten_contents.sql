-- Only when there is a row in rewritten
-- What notifications say for which several events speak: per field, what the latest amended has made of the value of the
-- earliest created.

CREATE OR REPLACE TEMP TABLE heard_again AS
WITH wording_events AS (
    SELECT
        n, kind, event_id, occurred_at, log_partition, log_offset, source, actor, audience, written_in
    FROM prior
    UNION ALL
    SELECT n, kind, event_id, occurred_at, log_partition, log_offset, source, actor, audience, 0
    FROM fresh
)
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
    heard_again.n,
    heard_again.kind,
    heard_again.log_partition,
    heard_again.log_offset,
    heard_again.source,
    heard_again.actor,
    nullif(heard_again.audience, []) AS audience,
    contents.* EXCLUDE (log_partition, log_offset) REPLACE (
        nullif(contents.channels, []) AS channels,
        nullif(contents.groups, []) AS groups,
        nullif(contents.tags, []) AS tags,
        nullif(contents.contexts, []) AS contexts
    ),
    row_number() OVER (
        PARTITION BY heard_again.n, heard_again.kind
        ORDER BY heard_again.occurred_at, heard_again.event_id
    ) AS place
FROM heard_again
LEFT JOIN contents USING (log_partition, log_offset);

CREATE OR REPLACE TEMP TABLE said AS
WITH first_said AS (
    SELECT
        n,
        arg_min(source, place) AS source,
        arg_min(actor, place) AS actor,
        arg_min(creator, place) AS creator,
        arg_min(parent_notification_id, place) AS parent_notification_id,
        arg_min(external_id, place) AS external_id,
        arg_min(attributes, place) AS attributes,
        arg_min(channels, place) AS channels,
        arg_min(groups, place) AS groups,
        arg_min("type", place) AS "type",
        arg_min(category, place) AS category,
        arg_min("action", place) AS "action",
        arg_min(reason, place) AS reason,
        arg_min(priority, place) AS priority,
        arg_min(severity, place) AS severity,
        arg_min(subject, place) AS subject,
        arg_min("template", place) AS "template",
        arg_min(schedule, place) AS schedule,
        arg_min(scheduled_at, place) AS scheduled_at,
        arg_min(expires_at, place) AS expires_at,
        arg_min(digest, place) AS digest,
        arg_min(tags, place) AS tags,
        arg_min(contexts, place) AS contexts,
        arg_min(audience, place) AS audience,
        -- Opening a file checks that it has one position for each partition of the topic.
        arg_min(coalesce("number", log_offset * (SELECT count(*) FROM positions) + log_partition), place) AS "number",
        -- One field: a key id belongs to the text that it locks.
        arg_min({'personal': personal, 'key': personal_key_id}, CASE WHEN personal IS NOT NULL THEN place END) AS locked
    FROM worded
    WHERE kind = 'created'
    GROUP BY n
),
-- A field that an amended speaks of is a value in a struct: it may be null, and null it may be that none speaks of it.
amended AS (
    SELECT
        n,
        arg_max({'value': channels}, spoken_of(channels, 'channels', cleared, place)) AS channels,
        arg_max({'value': groups}, spoken_of(groups, 'groups', cleared, place)) AS groups,
        arg_max({'value': "type"}, spoken_of("type", 'type', cleared, place)) AS "type",
        arg_max({'value': category}, spoken_of(category, 'category', cleared, place)) AS category,
        arg_max({'value': "action"}, spoken_of("action", 'action', cleared, place)) AS "action",
        arg_max({'value': reason}, spoken_of(reason, 'reason', cleared, place)) AS reason,
        arg_max({'value': priority}, spoken_of(priority, 'priority', cleared, place)) AS priority,
        arg_max({'value': severity}, spoken_of(severity, 'severity', cleared, place)) AS severity,
        arg_max({'value': subject}, spoken_of(subject, 'subject', cleared, place)) AS subject,
        arg_max({'value': "template"}, spoken_of("template", 'template', cleared, place)) AS "template",
        arg_max({'value': schedule}, spoken_of(schedule, 'schedule', cleared, place)) AS schedule,
        arg_max({'value': scheduled_at}, spoken_of(scheduled_at, 'scheduled_at', cleared, place)) AS scheduled_at,
        arg_max({'value': expires_at}, spoken_of(expires_at, 'expires_at', cleared, place)) AS expires_at,
        arg_max({'value': digest}, spoken_of(digest, 'digest', cleared, place)) AS digest,
        arg_max({'value': tags}, spoken_of(tags, 'tags', cleared, place)) AS tags,
        arg_max({'value': contexts}, spoken_of(contexts, 'contexts', cleared, place)) AS contexts,
        arg_max(
            {'personal': personal, 'key': CASE WHEN personal IS NOT NULL THEN personal_key_id END},
            spoken_of(personal, 'personal', cleared, place)
        ) AS locked
    FROM worded
    WHERE kind = 'amended'
    GROUP BY n
),
grown AS (
    SELECT n, 0 AS place, audience
    FROM first_said
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
    first_said.n,
    touched.tenant_id,
    touched.notification_id,
    first_said."number",
    coalesce(united.audience, first_said.audience) AS audience,
    first_said.source,
    first_said.actor,
    first_said.creator,
    first_said.parent_notification_id,
    first_said.external_id,
    first_said.attributes,
    CASE WHEN amended.channels IS NULL THEN first_said.channels ELSE amended.channels."value" END AS channels,
    CASE WHEN amended.groups IS NULL THEN first_said.groups ELSE amended.groups."value" END AS groups,
    CASE WHEN amended."type" IS NULL THEN first_said."type" ELSE amended."type"."value" END AS "type",
    CASE WHEN amended.category IS NULL THEN first_said.category ELSE amended.category."value" END AS category,
    CASE WHEN amended."action" IS NULL THEN first_said."action" ELSE amended."action"."value" END AS "action",
    CASE WHEN amended.reason IS NULL THEN first_said.reason ELSE amended.reason."value" END AS reason,
    CASE WHEN amended.priority IS NULL THEN first_said.priority ELSE amended.priority."value" END AS priority,
    CASE WHEN amended.severity IS NULL THEN first_said.severity ELSE amended.severity."value" END AS severity,
    CASE WHEN amended.subject IS NULL THEN first_said.subject ELSE amended.subject."value" END AS subject,
    CASE WHEN amended."template" IS NULL THEN first_said."template" ELSE amended."template"."value" END AS "template",
    CASE WHEN amended.schedule IS NULL THEN first_said.schedule ELSE amended.schedule."value" END AS schedule,
    CASE
        WHEN amended.scheduled_at IS NULL THEN first_said.scheduled_at
        ELSE amended.scheduled_at."value"
    END AS scheduled_at,
    CASE WHEN amended.expires_at IS NULL THEN first_said.expires_at ELSE amended.expires_at."value" END AS expires_at,
    CASE WHEN amended.digest IS NULL THEN first_said.digest ELSE amended.digest."value" END AS digest,
    CASE WHEN amended.tags IS NULL THEN first_said.tags ELSE amended.tags."value" END AS tags,
    CASE WHEN amended.contexts IS NULL THEN first_said.contexts ELSE amended.contexts."value" END AS contexts,
    coalesce(amended.locked, first_said.locked) AS lock,
    (lock).personal AS personal,
    (lock)."key" AS personal_key_id
FROM first_said
INNER JOIN touched USING (n)
LEFT JOIN amended USING (n)
LEFT JOIN united USING (n);

INSERT INTO content_rows BY NAME SELECT * EXCLUDE (lock) FROM said;
