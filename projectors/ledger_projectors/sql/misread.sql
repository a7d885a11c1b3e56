-- Which records were read again, to be judged anew, and are not those that were applied: the log is another one.

SELECT anew.log_partition, anew.log_offset
FROM anew
LEFT JOIN fresh USING (log_partition, log_offset)
ANTI JOIN (
    SELECT event_id, recorded_at, log_partition, log_offset FROM prior
    UNION ALL
    SELECT event_id, recorded_at, log_partition, log_offset FROM duplicates
) AS applied
    ON applied.log_partition = anew.log_partition
    AND applied.log_offset = anew.log_offset
    AND applied.recorded_at = anew.recorded_at
    -- What is refused now, of a kind or schema that a later version knew, is no event.
    AND applied.event_id = coalesce(fresh.event_id, applied.event_id)
ORDER BY ALL
LIMIT 1;
