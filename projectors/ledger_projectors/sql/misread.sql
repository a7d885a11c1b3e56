-- Which records were read again, to be compared again, and are not those that were applied: the log is another one.

SELECT again.log_partition, again.log_offset
FROM again
ANTI JOIN (
    SELECT event_id, recorded_at, log_partition, log_offset FROM event_rows
    UNION ALL
    SELECT event_id, recorded_at, log_partition, log_offset FROM duplicates
) AS applied
    ON applied.log_partition = again.log_partition
    AND applied.log_offset = again.log_offset
    AND epoch_ms(applied.recorded_at) = again.recorded_at
    -- What is refused now, of a kind or schema that a later version knew, is no event.
    AND applied.event_id = coalesce(again.event_id::UUID, applied.event_id)
ORDER BY ALL
LIMIT 1;
