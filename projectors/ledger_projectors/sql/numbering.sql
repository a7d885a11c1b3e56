-- The number of the last notification, and the largest version of a row that is there.
SELECT
    (SELECT coalesce(max(n), 0) FROM directory) AS notifications,
    greatest(
        (SELECT coalesce(max("version"), 0) FROM notification_rows),
        (SELECT coalesce(max("version"), 0) FROM inbox_entry_rows)
    ) AS versions;
