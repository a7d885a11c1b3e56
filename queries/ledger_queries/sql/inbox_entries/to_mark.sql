-- Of the filtered inbox entries what a mark goes by: their notifications, and what holds of them now.
SELECT
    filtered.notification_id,
    filtered.is_seen,
    filtered.is_read AS is_read,
    filtered.is_archived AS is_archived,
    filtered.is_snoozed AS is_snoozed,
    (filtered.first_acknowledged_at IS NOT NULL) AS is_acknowledged,
    reached(filtered.facts, 'deleted') AS is_deleted
FROM filtered
ORDER BY filtered.listed_at, filtered.notification_id
LIMIT $rows;
