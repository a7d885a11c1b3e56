-- Notifications that are told anew although nothing was heard of them: those that were asked for and are known.

CREATE OR REPLACE TEMP TABLE touched AS
SELECT n, touched_in, tenant_id, notification_id
FROM directory
SEMI JOIN (SELECT tenant_id, notification_id::UUID AS notification_id FROM asked) AS named
    USING (notification_id, tenant_id);

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT
    0::BIGINT AS n,
    batch_events.* EXCLUDE (tenant_id, notification_id) REPLACE (batch_events.kind::event_kind AS kind)
FROM batch_events;

INSERT INTO doubted SELECT n FROM touched;
