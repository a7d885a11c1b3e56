-- The row of one notification.
SELECT * EXCLUDE (stated, seen_events)
FROM notification_rows
WHERE
    n = $n
    -- Of events that fold to nothing alone there is no row to show.
    AND len(facts) > 0;
