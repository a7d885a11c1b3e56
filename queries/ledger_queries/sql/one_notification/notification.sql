-- The row of one notification.
SELECT
    *,
    marked(marks, 'failed_permanently') AS failed_permanently
FROM notification_rows
WHERE
    touched_in = $touched_in
    AND n = $n;
