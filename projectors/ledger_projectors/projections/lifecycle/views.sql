-- Views for analysts over history and the lifecycle tables. They are policies over the facts: change one without any replay.

CREATE OR REPLACE VIEW notification_status AS
SELECT
    n.tenant_id,
    n.notification_id,
    n.listed_at,
    CASE
        WHEN n.deleted_count > 0 AND n.recipients_deleted = n.recipients THEN 'deleted'
        WHEN n.recipients > 0 AND n.recipients_acknowledged = n.recipients THEN 'acknowledged'
        WHEN n.recipients > 0 AND n.recipients_read = n.recipients THEN 'read'
        WHEN n.clicked_count > 0 THEN 'clicked'
        WHEN n.opened_count > 0 THEN 'opened'
        WHEN n.seen_count > 0 THEN 'seen'
        WHEN n.delivered_count > 0 THEN 'delivered'
        WHEN n.cancelled_count > 0 AND n.recipients_cancelled = n.recipients THEN 'cancelled'
        WHEN n.expired_count > 0 AND n.recipients_expired = n.recipients THEN 'expired'
        WHEN n.failed_permanently THEN 'failed'
        WHEN n.deferred_count > 0 THEN 'deferred'
        WHEN n.fired_count > 0 THEN 'fired'
        WHEN n.attempted_count > 0 THEN 'attempted'
        WHEN n.created_count > 0 THEN 'created'
        ELSE 'awaiting_created'
    END AS status,
    n.recipients,
    n.recipients_delivered,
    n.recipients_read,
    n.recipients_acknowledged,
    n.channels,
    c."type",
    c.category,
    c.priority,
    c.severity,
    c.source,
    c.external_id,
    c."number",
    c.personal.title AS title
FROM notifications AS n
LEFT JOIN contents AS c USING (tenant_id, notification_id);
COMMENT ON VIEW notification_status IS 'One row per notification with its present status: the furthest fact that all (deleted, acknowledged, read, cancelled, expired) or any (clicked, opened, seen, delivered, deferred, fired, attempted) of its recipients reached. What nobody is named for counts as all where there are no recipients.';

CREATE OR REPLACE VIEW unread_by_recipient AS
SELECT
    tenant_id,
    recipient_id,
    count(*) AS inbox_entries,
    count(*) FILTER (WHERE NOT is_read) AS unread,
    count(*) FILTER (WHERE NOT is_seen) AS unseen
FROM inbox_entries
WHERE listed_at IS NOT NULL AND NOT is_deleted AND NOT is_archived AND NOT is_snoozed
GROUP BY tenant_id, recipient_id;
COMMENT ON VIEW unread_by_recipient IS 'The badge of each recipient: entries that are not deleted, archived or snoozed. Grain: inbox entry.';

CREATE OR REPLACE VIEW channel_outcomes AS
SELECT
    tenant_id,
    channel,
    count(*) AS deliveries,
    count(*) FILTER (WHERE fired_count > 0) AS fired,
    count(*) FILTER (WHERE deferred_count > 0) AS deferred,
    count(*) FILTER (WHERE delivered_count > 0) AS delivered,
    count(*) FILTER (WHERE opened_count > 0) AS opened,
    count(*) FILTER (WHERE opened_count = 0 AND automated_opened_count > 0) AS opened_by_machines_only,
    count(*) FILTER (WHERE clicked_count > 0) AS clicked,
    count(*) FILTER (WHERE clicked_count = 0 AND automated_clicked_count > 0) AS clicked_by_machines_only,
    count(*) FILTER (WHERE failed_count > 0) AS failed,
    count(*) FILTER (WHERE failed_permanently) AS failed_permanently,
    count(*) FILTER (WHERE cancelled_count > 0) AS cancelled,
    count(*) FILTER (WHERE expired_count > 0) AS expired,
    count(*) FILTER (WHERE unsubscribed_count > 0) AS unsubscribed,
    count(*) FILTER (WHERE complained_count > 0) AS complained
FROM deliveries
WHERE listed_at IS NOT NULL
GROUP BY tenant_id, channel;
COMMENT ON VIEW channel_outcomes IS 'What became of deliveries, by channel. Grain: delivery.';

CREATE OR REPLACE VIEW history AS
SELECT
    e.*,
    e.kind <> 'retracted' AND coalesce(r.retracted, false) AS is_retracted
FROM events AS e
LEFT JOIN (
    SELECT DISTINCT tenant_id, notification_id, retracted_event_id AS event_id, true AS retracted
    FROM events
    WHERE kind = 'retracted'
) AS r USING (tenant_id, notification_id, event_id);
COMMENT ON VIEW history IS 'Every event that was applied, and whether it counts no more because a retracted names it. Grain: event.';

CREATE OR REPLACE VIEW actions AS
SELECT
    tenant_id,
    notification_id,
    recipient_id,
    action_type,
    arg_max(kind, row(least(occurred_at, recorded_at), event_id)) = 'action_completed' AS is_completed,
    min(occurred_at) FILTER (WHERE kind = 'action_completed') AS first_completed_at,
    max(occurred_at) FILTER (WHERE kind = 'action_completed') AS last_completed_at,
    max(occurred_at) FILTER (WHERE kind = 'action_reverted') AS last_reverted_at
FROM history
WHERE kind IN ('action_completed', 'action_reverted') AND NOT is_retracted
GROUP BY tenant_id, notification_id, recipient_id, action_type;
COMMENT ON VIEW actions IS 'What became of each action that a notification offers: whether the latest of its completed and reverted events is a completed. One row per recipient (null: none was named) and action_type, as the events state them.';
