-- The notifications that a batch names, each with its number in this file and the batch that touched it last.

CREATE OR REPLACE TEMP TABLE touched AS
WITH named AS (
    SELECT DISTINCT tenant_id, notification_id
    FROM batch_events
),
known AS (
    FROM directory
    SEMI JOIN named USING (notification_id, tenant_id)
)
SELECT
    coalesce(
        known.n,
        getvariable('notifications') + count(*) FILTER (known.n IS NULL) OVER (ROWS UNBOUNDED PRECEDING)
    ) AS n,
    known.touched_in,
    named.tenant_id,
    named.notification_id
FROM named
LEFT JOIN known USING (notification_id, tenant_id);

-- The decoded batch (an Arrow table) as rows of the same shape as history.

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT
    touched.n,
    batch_events.* EXCLUDE (tenant_id, notification_id) REPLACE (batch_events.kind::event_kind AS kind)
FROM batch_events
INNER JOIN touched USING (notification_id, tenant_id);
