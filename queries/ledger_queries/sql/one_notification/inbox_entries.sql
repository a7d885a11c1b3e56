-- The inbox entries of one notification.
SELECT * EXCLUDE (stated)
FROM inbox_entry_rows
WHERE
    n = $n
ORDER BY recipient_id
LIMIT $rows;
