-- What each notification says: per field, the value of its earliest created that has one.

CREATE OR REPLACE TEMP TABLE created_again AS
SELECT DISTINCT tenant_id, notification_id
FROM fresh
SEMI JOIN contents USING (tenant_id, notification_id)
WHERE kind = 'created';

CREATE OR REPLACE TEMP TABLE said AS
WITH spoken AS (
    FROM fresh
    ANTI JOIN created_again USING (tenant_id, notification_id)
    WHERE kind = 'created'
    UNION ALL BY NAME
    FROM events
    SEMI JOIN created_again USING (tenant_id, notification_id)
    WHERE kind = 'created'
),
ordered AS (
    SELECT
        * REPLACE (nullif(tags, []) AS tags, nullif(audience, []) AS audience),
        row(occurred_at, event_id) AS place
    FROM spoken
)
SELECT
    tenant_id,
    notification_id,
    arg_min(source, place) AS source,
    arg_min(actor, place) FILTER (actor IS NOT NULL) AS actor,
    arg_min(category, place) FILTER (category IS NOT NULL) AS category,
    arg_min("action", place) FILTER ("action" IS NOT NULL) AS "action",
    arg_min(priority, place) FILTER (priority IS NOT NULL) AS priority,
    arg_min(subject, place) FILTER (subject IS NOT NULL) AS subject,
    arg_min(external_id, place) FILTER (external_id IS NOT NULL) AS external_id,
    arg_min(scheduled_at, place) FILTER (scheduled_at IS NOT NULL) AS scheduled_at,
    arg_min(tags, place) FILTER (tags IS NOT NULL) AS tags,
    arg_min(audience, place) FILTER (audience IS NOT NULL) AS audience,
    -- One field: a key id belongs to the text that it locks.
    arg_min({'personal': personal, 'key': personal_key_id}, place) FILTER (personal IS NOT NULL) AS locked,
    (locked).personal AS personal,
    (locked)."key" AS personal_key_id
FROM ordered
GROUP BY tenant_id, notification_id;

DELETE FROM contents USING created_again
WHERE contents.notification_id = created_again.notification_id AND contents.tenant_id = created_again.tenant_id;

INSERT INTO contents BY NAME SELECT * EXCLUDE (locked) FROM said;
