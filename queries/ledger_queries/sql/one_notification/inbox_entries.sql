-- The inbox entries of one notification.
SELECT
    *,
    marked(marks, 'failed_permanently') AS failed_permanently,
    marks & seen_marks() <> 0 AS is_seen,
    marked(marks, 'is_read') AS is_read,
    marked(marks, 'is_archived') AS is_archived,
    marked(marks, 'is_snoozed') AS is_snoozed,
    marked(marks, 'deleted') AS is_deleted
FROM inbox_entry_rows
WHERE
    touched_in = $touched_in
    AND n = $n
ORDER BY recipient_id
LIMIT $rows;
