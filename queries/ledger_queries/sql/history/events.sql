-- What is folded of the events that lie in one partition from one offset on and before another.
SELECT
    * REPLACE (
        event_id::VARCHAR AS event_id,
        kind::VARCHAR AS kind,
        epoch_us(occurred_at) AS occurred_at,
        epoch_ms(recorded_at) AS recorded_at,
        epoch_us(snoozed_until) AS snoozed_until,
        retracted_event_id::VARCHAR AS retracted_event_id
    )
FROM event_rows
WHERE
    log_partition = $partition
    AND log_offset >= $first
    AND log_offset < $before;
