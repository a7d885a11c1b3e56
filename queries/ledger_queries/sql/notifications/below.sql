-- What lies below notifications (their batches and numbers, in lists): recipients by what reached them, deliveries, channels.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n
),
entries AS (
    SELECT
        asked.place,
        count(*) AS recipients,
        count(*) FILTER (marked(entry.marks, 'delivered')) AS recipients_delivered,
        count(*) FILTER (marked(entry.marks, 'failed')) AS recipients_failed,
        count(*) FILTER (marked(entry.marks, 'cancelled')) AS recipients_cancelled,
        count(*) FILTER (marked(entry.marks, 'expired')) AS recipients_expired,
        count(*) FILTER (entry.marks & seen_marks() <> 0) AS recipients_seen,
        count(*) FILTER (marked(entry.marks, 'opened')) AS recipients_opened,
        count(*) FILTER (marked(entry.marks, 'clicked')) AS recipients_clicked,
        count(*) FILTER (marked(entry.marks, 'is_read')) AS recipients_read,
        count(*) FILTER (marked(entry.marks, 'acknowledged')) AS recipients_acknowledged,
        count(*) FILTER (marked(entry.marks, 'is_archived')) AS recipients_archived,
        count(*) FILTER (marked(entry.marks, 'is_snoozed')) AS recipients_snoozed,
        count(*) FILTER (marked(entry.marks, 'deleted')) AS recipients_deleted
    FROM inbox_entry_rows AS entry
    INNER JOIN asked USING (n)
    WHERE entry.touched_in = ANY($touched_in::INTEGER[])
    GROUP BY asked.place
),
over_channels AS (
    SELECT place, count(*) FILTER (is_delivery) AS deliveries, list_sort(list(DISTINCT channel)) AS channels
    FROM (
        SELECT asked.place, delivery.channel, true AS is_delivery
        FROM delivery_rows AS delivery
        INNER JOIN asked USING (n)
        WHERE delivery.touched_in = ANY($touched_in::INTEGER[])
        UNION ALL
        SELECT asked.place, unnest(content.channels) AS channel, false AS is_delivery
        FROM content_rows AS content
        INNER JOIN asked USING (n)
    )
    GROUP BY place
)
SELECT
    asked.place,
    coalesce(COLUMNS(entries.* EXCLUDE (place)), 0),
    coalesce(over_channels.deliveries, 0) AS deliveries,
    coalesce(over_channels.channels, []) AS channels
FROM asked
LEFT JOIN entries USING (place)
LEFT JOIN over_channels USING (place);
