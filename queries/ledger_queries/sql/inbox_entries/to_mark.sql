-- Of the filtered inbox entries what a mark goes by: their notifications, and what holds of them now.
SELECT
    filtered.notification_id,
    filtered.marks & seen_marks() <> 0 AS is_seen,
    marked(filtered.marks, 'is_read') AS is_read,
    marked(filtered.marks, 'is_archived') AS is_archived,
    marked(filtered.marks, 'is_snoozed') AS is_snoozed,
    marked(filtered.marks, 'acknowledged') AS is_acknowledged,
    marked(filtered.marks, 'deleted') AS is_deleted
FROM filtered
ORDER BY filtered.listed_at, filtered.notification_id
LIMIT $rows;
