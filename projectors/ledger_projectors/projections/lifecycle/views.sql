-- Views for analysts over the lifecycle tables. They are policies over the facts: change one without any replay.

CREATE OR REPLACE VIEW notification_status AS
SELECT
    n.tenant_id,
    n.notification_id,
    n.listed_at,
    CASE
        WHEN n.recipients > 0 AND n.recipients_acknowledged = n.recipients THEN 'acknowledged'
        WHEN n.recipients > 0 AND n.recipients_read = n.recipients THEN 'read'
        WHEN n.opened_count > 0 THEN 'opened'
        WHEN n.delivered_count > 0 THEN 'delivered'
        WHEN n.failed_permanently THEN 'failed'
        WHEN n.fired_count > 0 THEN 'fired'
        WHEN n.created_count > 0 THEN 'created'
        ELSE 'awaiting_created'
    END AS status,
    n.recipients,
    n.recipients_delivered,
    n.recipients_read,
    n.recipients_acknowledged,
    n.channels,
    c.category,
    c.priority,
    c.source,
    c.external_id,
    c.personal.title AS title
FROM notifications AS n
LEFT JOIN contents AS c USING (tenant_id, notification_id);
COMMENT ON VIEW notification_status IS 'One row per notification with its present status: the furthest fact that all (read, acknowledged) or any (opened, delivered, fired) of its recipients reached.';

CREATE OR REPLACE VIEW unread_by_recipient AS
SELECT
    tenant_id,
    recipient_id,
    count(*) AS inbox_entries,
    count(*) FILTER (WHERE NOT is_read) AS unread
FROM inbox_entries
WHERE listed_at IS NOT NULL
GROUP BY tenant_id, recipient_id;
COMMENT ON VIEW unread_by_recipient IS 'The badge of each recipient. Grain: inbox entry.';

CREATE OR REPLACE VIEW channel_outcomes AS
SELECT
    tenant_id,
    channel,
    count(*) AS deliveries,
    count(*) FILTER (WHERE fired_count > 0) AS fired,
    count(*) FILTER (WHERE delivered_count > 0) AS delivered,
    count(*) FILTER (WHERE opened_count > 0) AS opened,
    count(*) FILTER (WHERE opened_count = 0 AND automated_opened_count > 0) AS opened_by_machines_only,
    count(*) FILTER (WHERE failed_count > 0) AS failed,
    count(*) FILTER (WHERE failed_permanently) AS failed_permanently
FROM deliveries
WHERE listed_at IS NOT NULL
GROUP BY tenant_id, channel;
COMMENT ON VIEW channel_outcomes IS 'What became of deliveries, by channel. Grain: delivery.';
