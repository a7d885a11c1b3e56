-- Where the copies lie that were taken for an event, or for duplicates of it, while a copy with other content that lies
-- before them was in quarantine.

WITH earlier AS (
    SELECT n, event_id, log_partition, original_offset
    FROM copies
    WHERE conflicts AND log_offset < original_offset
)
SELECT log_partition, original_offset AS log_offset
FROM earlier
UNION
SELECT duplicates.log_partition, duplicates.log_offset
FROM duplicates
INNER JOIN touched USING (tenant_id, notification_id)
SEMI JOIN earlier ON earlier.n = touched.n AND earlier.event_id = duplicates.event_id
ORDER BY ALL;
