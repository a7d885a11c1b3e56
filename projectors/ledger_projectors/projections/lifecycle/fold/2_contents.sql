-- What notifications say that one created alone speaks for: most of them. The others are told anew, from history.

CREATE OR REPLACE TEMP TABLE reworded AS
SELECT n FROM fresh WHERE kind IN ('created', 'amended', 'audience_added', 'retracted')
UNION ALL
SELECT n FROM displaced
UNION ALL
SELECT n FROM doubted;

CREATE OR REPLACE TEMP TABLE wording AS
SELECT n, count(*) AS statements, any_value(kind) AS kind, any_value(event_id) AS event_id
FROM heard
SEMI JOIN reworded USING (n)
WHERE kind IN ('created', 'amended', 'audience_added')
GROUP BY n;

CREATE OR REPLACE TEMP TABLE worded_once AS
SELECT
    fresh.n,
    fresh.audience,
    fresh.log_partition,
    fresh.log_offset,
    fresh.source,
    fresh.actor
FROM wording
INNER JOIN fresh USING (n, event_id)
WHERE wording.statements = 1 AND wording.kind = 'created';

CREATE OR REPLACE TEMP TABLE rewritten AS
SELECT n FROM wording
ANTI JOIN worded_once USING (n);

DELETE FROM content_rows USING reworded
WHERE content_rows.n = reworded.n;

INSERT INTO content_rows BY NAME
SELECT
    touched.n,
    touched.tenant_id,
    touched.notification_id,
    nullif(worded_once.audience, []) AS audience,
    -- Opening a file checks that it has one position for each partition of the topic.
    coalesce(
        contents."number",
        worded_once.log_offset * (SELECT partitions FROM read_model) + worded_once.log_partition
    ) AS "number",
    worded_once.source,
    worded_once.actor,
    contents.creator,
    contents.parent_notification_id,
    contents.external_id,
    contents.attributes,
    nullif(contents.channels, []) AS channels,
    nullif(contents.groups, []) AS groups,
    contents."type",
    contents.category,
    contents."action",
    contents.reason,
    contents.priority,
    contents.severity,
    contents.subject,
    contents."template",
    contents.schedule,
    contents.scheduled_at,
    contents.expires_at,
    contents.digest,
    nullif(contents.tags, []) AS tags,
    nullif(contents.contexts, []) AS contexts,
    contents.personal,
    -- A key id without the text that it locks is no value.
    CASE WHEN contents.personal IS NOT NULL THEN contents.personal_key_id END AS personal_key_id
FROM worded_once
INNER JOIN touched USING (n)
LEFT JOIN batch_contents AS contents USING (log_partition, log_offset);
