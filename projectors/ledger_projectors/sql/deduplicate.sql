-- Every record that is a further copy of an event, in history or earlier in this batch, and whether it conflicts.

-- Ids alone first: of history's many columns only those of the few events that came again are read.

CREATE OR REPLACE TEMP TABLE met AS
SELECT tenant_id, notification_id, event_id
FROM events
SEMI JOIN staged USING (tenant_id, notification_id, event_id);

CREATE OR REPLACE TEMP TABLE copies AS
WITH repeated AS (
    SELECT tenant_id, notification_id, event_id, min(log_offset) AS log_offset
    FROM staged
    ANTI JOIN met USING (tenant_id, notification_id, event_id)
    GROUP BY tenant_id, notification_id, event_id
    HAVING count(*) > 1
),
originals AS (
    FROM events
    SEMI JOIN met USING (tenant_id, notification_id, event_id)
    UNION ALL BY NAME
    FROM staged
    SEMI JOIN repeated USING (tenant_id, notification_id, event_id, log_offset)
),
-- All copies of an event share a partition, so that the offset alone tells them apart.
pairs AS (
    SELECT staged.log_partition, staged.log_offset, staged AS copy, originals AS original
    FROM staged
    INNER JOIN originals USING (tenant_id, notification_id, event_id)
    WHERE staged.log_offset <> originals.log_offset
)
SELECT log_partition, log_offset, folded(copy) IS DISTINCT FROM folded(original) AS conflicts
FROM pairs;
