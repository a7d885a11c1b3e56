-- Every record that is a further copy of an event, in history or earlier in this batch, and whether it conflicts.

CREATE OR REPLACE TEMP TABLE copies AS
WITH known AS (
    SELECT staged.log_partition, staged.log_offset, staged AS copy, events AS original
    FROM staged
    INNER JOIN events USING (tenant_id, notification_id, event_id)
),
repeated AS (
    SELECT tenant_id, notification_id, event_id, min(log_offset) AS first_offset
    FROM staged
    GROUP BY tenant_id, notification_id, event_id
    HAVING count(*) > 1
),
within_batch AS (
    SELECT staged.log_partition, staged.log_offset, staged AS copy, original
    FROM staged
    INNER JOIN repeated USING (tenant_id, notification_id, event_id)
    INNER JOIN staged AS original
        ON original.log_partition = staged.log_partition
        AND original.log_offset = repeated.first_offset
    WHERE staged.log_offset > repeated.first_offset
    AND NOT EXISTS (
        FROM known
        WHERE known.log_partition = staged.log_partition
        AND known.log_offset = staged.log_offset
    )
)
SELECT log_partition, log_offset, folded(copy) IS DISTINCT FROM folded(original) AS conflicts FROM known
UNION ALL
SELECT log_partition, log_offset, folded(copy) IS DISTINCT FROM folded(original) AS conflicts FROM within_batch;
