-- What people query: the three grains in full, contents, counts, facts and history; and views for analysts over them.
-- They are policies over the rows and over history: change one without any replay.

CREATE OR REPLACE VIEW events AS
SELECT
    d.tenant_id,
    d.notification_id,
    e.event_id,
    e.kind::VARCHAR AS kind,
    e.occurred_at,
    e.recorded_at,
    e.log_partition,
    e.log_offset,
    e.recipient_id,
    e.channel,
    e.delivery_ref,
    e.attempt_id,
    e.source,
    e.actor,
    e.correlation_id,
    e.causation_id,
    e.provider,
    e.automated,
    e.permanent,
    e.snoozed_until,
    e.retracted_event_id,
    e.action_type,
    e.audience,
    coalesce(said.personal, more.personal) AS personal,
    coalesce(said.personal_key_id, more.personal_key_id) AS personal_key_id,
    coalesce(said.attributes, more.attributes) AS attributes,
    coalesce(said.reason, more.reason) AS reason,
    said.* EXCLUDE (log_partition, log_offset, personal, personal_key_id, attributes, reason),
    more.* EXCLUDE (log_partition, log_offset, personal, personal_key_id, attributes, reason)
FROM event_rows AS e
INNER JOIN directory AS d ON d.n = e.n
LEFT JOIN event_contents AS said
    ON said.log_partition = e.log_partition
    AND said.log_offset = e.log_offset
LEFT JOIN event_details AS more
    ON more.log_partition = e.log_partition
    AND more.log_offset = e.log_offset;
COMMENT ON VIEW events IS 'History: every event that was applied, once, as it was recorded. Columns of other kinds are null. Grain: event.';

CREATE OR REPLACE VIEW history AS
SELECT events.*, is_taken_back(e.n, e.event_id, e.kind) AS is_retracted
FROM events
INNER JOIN event_rows AS e USING (log_partition, log_offset);
COMMENT ON VIEW history IS 'Every event that was applied, and whether it counts no more because a retracted names it. Grain: event.';

-- Where a comment names facts, three columns stand for each: first_X_at, last_X_at and X_count (see `projection`).

CREATE OR REPLACE VIEW notifications AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.listed_at,
    /* facts of notifications */
    r.failed_permanently,
    r.deliveries::BIGINT AS deliveries,
    list_sort(list_distinct(list_concat(r.channels, c.channels))) AS channels,
    COLUMNS('^recipients')::BIGINT
FROM notification_rows AS r
LEFT JOIN content_rows AS c ON c.n = r.n
-- Of events that fold to nothing alone there is no row to show.
WHERE len(r.facts) > 0;
COMMENT ON VIEW notifications IS 'Grain: notification. Times and counts of everything below it merged; reversible states as numbers of recipients.';

CREATE OR REPLACE VIEW inbox_entries AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.recipient_id,
    inbox_entry_id_of(r.tenant_id, r.notification_id, r.recipient_id) AS inbox_entry_id,
    r.listed_at,
    /* facts of inbox entries */
    r.failed_permanently,
    r.is_seen,
    r.is_read,
    r.is_archived,
    r.is_snoozed,
    r.snoozed_until,
    r.is_deleted,
    r.deliveries::BIGINT AS deliveries,
    r.channels
FROM inbox_entry_rows AS r;
COMMENT ON VIEW inbox_entries IS 'Grain: inbox entry, one notification as one recipient has it.';

CREATE OR REPLACE VIEW deliveries AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.recipient_id,
    r.channel,
    r.delivery_ref,
    r.listed_at,
    /* facts of deliveries */
    r.failed_permanently,
    r.is_seen,
    r.is_read,
    r.is_archived,
    r.is_snoozed,
    r.snoozed_until,
    r.is_deleted
FROM delivery_rows AS r;
COMMENT ON VIEW deliveries IS 'Grain: delivery, one inbox entry over one channel; delivery_ref (empty: none) tells apart devices, steps, resends.';

CREATE OR REPLACE VIEW contents AS
SELECT * EXCLUDE (n)
FROM content_rows;
COMMENT ON VIEW contents IS 'What a notification says: per field, the value of its latest amended that speaks of it, else that of its earliest created that has one.';

CREATE OR REPLACE VIEW recipient_counts AS
SELECT * EXCLUDE (recipient_key)
FROM recipient_count_rows;
COMMENT ON VIEW recipient_counts IS 'How many listed inbox entries each recipient has, by shelf (deleted, else archived, else snoozed, else inbox), kept with the rows: a badge is a look-up.';

CREATE OR REPLACE VIEW facts AS
WITH effective AS (
    SELECT
        n,
        event_id,
        CASE WHEN kind <> 'retracted' THEN coalesce(recipient_id, '') ELSE '' END AS recipient_id,
        CASE WHEN kind <> 'retracted' THEN coalesce(channel, '') ELSE '' END AS channel,
        CASE WHEN kind <> 'retracted' THEN coalesce(delivery_ref, '') ELSE '' END AS delivery_ref,
        CASE
            WHEN kind = 'opened' AND automated THEN ['automated_opened']
            WHEN kind = 'clicked' AND automated THEN ['automated_clicked']
            WHEN kind = 'failed' AND permanent THEN ['failed', 'failed_permanently']
            ELSE [kind::VARCHAR]
        END AS facts,
        occurred_at,
        effective_at(occurred_at, recorded_at) AS effective_at,
        recency(occurred_at, recorded_at, event_id) AS recency,
        snoozed_until,
        audience
    FROM event_rows
    WHERE kind <> 'observed' AND NOT is_taken_back(n, event_id, kind)
),
members AS (
    SELECT n, unnest(audience) AS member
    FROM effective
    WHERE audience IS NOT NULL
),
stated AS (
    SELECT
        n, recipient_id, channel, delivery_ref, unnest(facts) AS fact,
        occurred_at, effective_at, recency, event_id, snoozed_until
    FROM effective
    UNION ALL BY NAME
    SELECT
        n,
        member.recipient_id AS recipient_id,
        unnest(list_prepend('', member.channels)) AS channel,
        '' AS delivery_ref,
        'declared' AS fact
    FROM members
)
SELECT
    d.tenant_id,
    d.notification_id,
    s.recipient_id,
    s.channel,
    s.delivery_ref,
    s.fact,
    min(s.occurred_at) AS first_at,
    max(s.occurred_at) AS last_at,
    count(s.event_id) AS event_count,
    min(s.effective_at) AS known_at,
    max(s.effective_at) AS latest_at,
    arg_max(s.event_id, s.recency) AS latest_event_id,
    arg_max_null(s.snoozed_until, s.recency) FILTER (s.fact = 'snoozed') AS latest_snoozed_until
FROM stated AS s
INNER JOIN directory AS d USING (n)
GROUP BY ALL;
COMMENT ON VIEW facts IS 'What events said, by the grain whose fields they carried (an empty text: not carried), one row per grain key and fact.';

CREATE OR REPLACE VIEW notification_status AS
SELECT
    n.tenant_id,
    n.notification_id,
    n.listed_at,
    CASE
        WHEN reached(n.facts, 'deleted') AND n.recipients_deleted = n.recipients THEN 'deleted'
        WHEN n.recipients > 0 AND n.recipients_acknowledged = n.recipients THEN 'acknowledged'
        WHEN n.recipients > 0 AND n.recipients_read = n.recipients THEN 'read'
        WHEN n.first_clicked_at IS NOT NULL THEN 'clicked'
        WHEN n.first_opened_at IS NOT NULL THEN 'opened'
        WHEN n.first_seen_at IS NOT NULL THEN 'seen'
        WHEN n.first_delivered_at IS NOT NULL THEN 'delivered'
        WHEN n.first_cancelled_at IS NOT NULL AND n.recipients_cancelled = n.recipients THEN 'cancelled'
        WHEN n.first_expired_at IS NOT NULL AND n.recipients_expired = n.recipients THEN 'expired'
        WHEN n.failed_permanently THEN 'failed'
        WHEN reached(n.facts, 'deferred') THEN 'deferred'
        WHEN n.first_fired_at IS NOT NULL THEN 'fired'
        WHEN reached(n.facts, 'attempted') THEN 'attempted'
        WHEN reached(n.facts, 'created') THEN 'created'
        ELSE 'awaiting_created'
    END AS status,
    n.recipients::BIGINT AS recipients,
    n.recipients_delivered::BIGINT AS recipients_delivered,
    n.recipients_read::BIGINT AS recipients_read,
    n.recipients_acknowledged::BIGINT AS recipients_acknowledged,
    list_sort(list_distinct(list_concat(n.channels, c.channels))) AS channels,
    c."type",
    c.category,
    c.priority,
    c.severity,
    c.source,
    c.external_id,
    c."number",
    c.personal.title AS title
FROM notification_rows AS n
LEFT JOIN content_rows AS c ON c.n = n.n
WHERE len(n.facts) > 0;
COMMENT ON VIEW notification_status IS 'One row per notification with its present status: the furthest fact that all (deleted, acknowledged, read, cancelled, expired) or any (clicked, opened, seen, delivered, deferred, fired, attempted) of its recipients reached. What nobody is named for counts as all where there are no recipients.';

CREATE OR REPLACE VIEW unread_by_recipient AS
SELECT tenant_id, recipient_id, total AS inbox_entries, unread, unseen, unacknowledged
FROM recipient_counts
WHERE shelf = 'inbox';
COMMENT ON VIEW unread_by_recipient IS 'The badge of each recipient: entries that are not deleted, archived or snoozed. Grain: recipient.';

CREATE OR REPLACE VIEW channel_outcomes AS
SELECT
    tenant_id,
    channel,
    count(*) AS deliveries,
    count(first_fired_at) AS fired,
    count(CASE WHEN reached(facts, 'deferred') THEN 1 END) AS deferred,
    count(first_delivered_at) AS delivered,
    count(first_opened_at) AS opened,
    count(CASE WHEN first_opened_at IS NULL AND reached(facts, 'automated_opened') THEN 1 END) AS opened_by_machines_only,
    count(first_clicked_at) AS clicked,
    count(CASE WHEN first_clicked_at IS NULL AND reached(facts, 'automated_clicked') THEN 1 END) AS clicked_by_machines_only,
    count(first_failed_at) AS failed,
    count(CASE WHEN failed_permanently THEN 1 END) AS failed_permanently,
    count(first_cancelled_at) AS cancelled,
    count(first_expired_at) AS expired,
    count(CASE WHEN reached(facts, 'unsubscribed') THEN 1 END) AS unsubscribed,
    count(CASE WHEN reached(facts, 'complained') THEN 1 END) AS complained
FROM delivery_rows
WHERE listed_at IS NOT NULL
GROUP BY tenant_id, channel;
COMMENT ON VIEW channel_outcomes IS 'What became of deliveries, by channel. Grain: delivery.';

CREATE OR REPLACE VIEW actions AS
SELECT
    tenant_id,
    notification_id,
    recipient_id,
    action_type,
    arg_max(kind, recency(occurred_at, recorded_at, event_id)) = 'action_completed' AS is_completed,
    min(CASE WHEN kind = 'action_completed' THEN occurred_at END) AS first_completed_at,
    max(CASE WHEN kind = 'action_completed' THEN occurred_at END) AS last_completed_at,
    max(CASE WHEN kind = 'action_reverted' THEN occurred_at END) AS last_reverted_at
FROM history
WHERE kind IN ('action_completed', 'action_reverted') AND NOT is_retracted
GROUP BY tenant_id, notification_id, recipient_id, action_type;
COMMENT ON VIEW actions IS 'What became of each action that a notification offers: whether the latest of its completed and reverted events is a completed. One row per recipient (null: none was named) and action_type, as the events state them.';
