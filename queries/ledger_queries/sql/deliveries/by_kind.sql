-- How many of the filtered deliveries reached each kind.
SELECT
    count(*) FILTER (WHERE filtered.fired_count > 0) AS "fired",
    count(*) FILTER (WHERE filtered.delivered_count > 0) AS "delivered",
    count(*) FILTER (WHERE filtered.opened_count > 0) AS "opened",
    count(*) FILTER (WHERE filtered.read_count > 0) AS "read",
    count(*) FILTER (WHERE filtered.unread_count > 0) AS "unread",
    count(*) FILTER (WHERE filtered.acknowledged_count > 0) AS "acknowledged",
    count(*) FILTER (WHERE filtered.failed_count > 0) AS "failed"
FROM filtered;
