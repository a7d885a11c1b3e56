-- The deliveries of one notification.
SELECT *
FROM delivery_rows
WHERE
    n = $n
ORDER BY recipient_id, channel, delivery_ref
LIMIT $rows;
