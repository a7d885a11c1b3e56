-- What the new events say, merged into what was said before: smallest first, largest last, sum of counts.

CREATE OR REPLACE TEMP TABLE touched AS
SELECT row_number() OVER () AS n, tenant_id, notification_id
FROM (SELECT DISTINCT tenant_id, notification_id FROM fresh);

CREATE OR REPLACE TEMP TABLE merged AS
WITH stated AS (
    SELECT
        tenant_id,
        notification_id,
        coalesce(recipient_id, '') AS recipient_id,
        coalesce(channel, '') AS channel,
        coalesce(delivery_ref, '') AS delivery_ref,
        unnest(CASE
            WHEN kind = 'opened' AND automated THEN ['automated_opened']
            WHEN kind = 'failed' AND permanent THEN ['failed', 'failed_permanently']
            ELSE [kind]
        END) AS fact,
        occurred_at,
        least(occurred_at, recorded_at) AS effective_at,
        event_id
    FROM fresh
),
members AS (
    SELECT tenant_id, notification_id, unnest(audience) AS member
    FROM fresh
    WHERE kind = 'created'
),
declared AS (
    SELECT
        tenant_id,
        notification_id,
        member.recipient_id AS recipient_id,
        unnest(list_prepend('', member.channels)) AS channel
    FROM members
),
pieces AS (
    SELECT
        tenant_id,
        notification_id,
        recipient_id,
        channel,
        delivery_ref,
        fact,
        occurred_at AS first_at,
        occurred_at AS last_at,
        1 AS event_count,
        effective_at AS known_at,
        effective_at AS latest_at,
        event_id AS latest_event_id
    FROM stated
    UNION ALL BY NAME
    SELECT *, '' AS delivery_ref, 'declared' AS fact, 0 AS event_count
    FROM declared
    UNION ALL BY NAME
    FROM facts
    SEMI JOIN touched USING (tenant_id, notification_id)
)
SELECT
    touched.n,
    pieces.tenant_id,
    pieces.notification_id,
    pieces.recipient_id,
    pieces.channel,
    pieces.delivery_ref,
    pieces.fact,
    min(pieces.first_at) AS first_at,
    max(pieces.last_at) AS last_at,
    sum(pieces.event_count)::BIGINT AS event_count,
    min(pieces.known_at) AS known_at,
    max(pieces.latest_at) AS latest_at,
    arg_max(pieces.latest_event_id, row(pieces.latest_at, pieces.latest_event_id)) AS latest_event_id
FROM pieces
INNER JOIN touched USING (tenant_id, notification_id)
GROUP BY ALL;

DELETE FROM facts USING touched
WHERE facts.notification_id = touched.notification_id AND facts.tenant_id = touched.tenant_id;

INSERT INTO facts BY NAME SELECT * EXCLUDE (n) FROM merged;
