-- The inbox entries of one notification.
SELECT *
FROM inbox_entry_rows
WHERE
    n = $n
ORDER BY recipient_id
LIMIT $rows;
