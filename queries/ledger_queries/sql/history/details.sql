-- What else the others among them state.
SELECT * REPLACE (epoch_us(retry_at) AS retry_at)
FROM event_details
WHERE
    log_partition = $partition
    AND log_offset >= $first
    AND log_offset < $before;
