-- What the new events say, merged into what was said before: smallest first, largest last, sum of counts.

CREATE OR REPLACE TEMP TABLE touched AS
SELECT row_number() OVER () AS n, tenant_id, notification_id
FROM (SELECT DISTINCT tenant_id, notification_id FROM fresh WHERE kind <> 'observed');

CREATE OR REPLACE TEMP TABLE known_facts AS
FROM facts
SEMI JOIN touched USING (tenant_id, notification_id);

-- What was merged cannot be taken out again: a notification with a retracted, or with an event that gave way to an
-- earlier copy, is told anew, from history alone.

CREATE OR REPLACE TEMP TABLE retold AS
SELECT tenant_id, notification_id FROM fresh WHERE kind = 'retracted'
UNION
SELECT tenant_id, notification_id FROM known_facts WHERE fact = 'retracted'
UNION
SELECT tenant_id, notification_id FROM displaced;

CREATE OR REPLACE TEMP TABLE taken_back AS
SELECT tenant_id, notification_id, retracted_event_id AS event_id
FROM events
SEMI JOIN retold USING (tenant_id, notification_id)
WHERE kind = 'retracted';

CREATE OR REPLACE TEMP TABLE merged AS
WITH heard AS (
    SELECT
        tenant_id, notification_id, event_id, kind, occurred_at, recorded_at, recipient_id, channel, delivery_ref,
        automated, permanent, snoozed_until, audience
    FROM fresh
    ANTI JOIN retold USING (tenant_id, notification_id)
    WHERE kind <> 'observed'
    UNION ALL
    SELECT
        tenant_id, notification_id, event_id, kind, occurred_at, recorded_at, recipient_id, channel, delivery_ref,
        automated, permanent, snoozed_until, audience
    FROM events
    SEMI JOIN retold USING (tenant_id, notification_id)
    ANTI JOIN taken_back
        ON taken_back.tenant_id = events.tenant_id
        AND taken_back.notification_id = events.notification_id
        AND taken_back.event_id = events.event_id
        AND events.kind <> 'retracted'
    WHERE kind <> 'observed'
),
stated AS (
    SELECT
        tenant_id,
        notification_id,
        -- A retracted speaks of an event, not of whoever it names.
        CASE WHEN kind <> 'retracted' THEN coalesce(recipient_id, '') ELSE '' END AS recipient_id,
        CASE WHEN kind <> 'retracted' THEN coalesce(channel, '') ELSE '' END AS channel,
        CASE WHEN kind <> 'retracted' THEN coalesce(delivery_ref, '') ELSE '' END AS delivery_ref,
        unnest(CASE
            WHEN kind = 'opened' AND automated THEN ['automated_opened']
            WHEN kind = 'clicked' AND automated THEN ['automated_clicked']
            WHEN kind = 'failed' AND permanent THEN ['failed', 'failed_permanently']
            ELSE [kind]
        END) AS fact,
        occurred_at,
        least(occurred_at, recorded_at) AS effective_at,
        event_id,
        snoozed_until
    FROM heard
),
members AS (
    SELECT tenant_id, notification_id, unnest(audience) AS member
    FROM heard
    WHERE kind IN ('created', 'audience_added')
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
        event_id AS latest_event_id,
        snoozed_until AS latest_snoozed_until
    FROM stated
    UNION ALL BY NAME
    SELECT *, '' AS delivery_ref, 'declared' AS fact, 0 AS event_count
    FROM declared
    UNION ALL BY NAME
    FROM known_facts
    ANTI JOIN retold USING (tenant_id, notification_id)
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
    arg_max(pieces.latest_event_id, row(pieces.latest_at, pieces.latest_event_id)) AS latest_event_id,
    arg_max_null(pieces.latest_snoozed_until, row(pieces.latest_at, pieces.latest_event_id))
        FILTER (fact = 'snoozed') AS latest_snoozed_until
FROM pieces
INNER JOIN touched USING (tenant_id, notification_id)
GROUP BY ALL;

DELETE FROM facts USING touched
WHERE facts.notification_id = touched.notification_id AND facts.tenant_id = touched.tenant_id;

INSERT INTO facts BY NAME SELECT * EXCLUDE (n) FROM merged;
