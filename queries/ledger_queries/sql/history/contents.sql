-- What else the created and amended among them state.
SELECT
    * REPLACE (
        epoch_us(scheduled_at) AS scheduled_at,
        epoch_us(expires_at) AS expires_at,
        parent_notification_id::VARCHAR AS parent_notification_id
    )
FROM event_contents
WHERE
    log_partition = $partition
    AND log_offset >= $first
    AND log_offset < $before;
