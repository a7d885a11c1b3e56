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
        count(CASE WHEN marked(entry.marks, 'fired') THEN 1 END) AS recipients_fired,
        count(CASE WHEN marked(entry.marks, 'delivered') THEN 1 END) AS recipients_delivered,
        count(CASE WHEN marked(entry.marks, 'failed') THEN 1 END) AS recipients_failed,
        count(CASE WHEN marked(entry.marks, 'cancelled') THEN 1 END) AS recipients_cancelled,
        count(CASE WHEN marked(entry.marks, 'expired') THEN 1 END) AS recipients_expired,
        count(CASE WHEN entry.marks & seen_marks() <> 0 THEN 1 END) AS recipients_seen,
        count(CASE WHEN marked(entry.marks, 'opened') THEN 1 END) AS recipients_opened,
        count(CASE WHEN marked(entry.marks, 'clicked') THEN 1 END) AS recipients_clicked,
        count(CASE WHEN marked(entry.marks, 'is_read') THEN 1 END) AS recipients_read,
        count(CASE WHEN marked(entry.marks, 'acknowledged') THEN 1 END) AS recipients_acknowledged,
        count(CASE WHEN marked(entry.marks, 'is_archived') THEN 1 END) AS recipients_archived,
        count(CASE WHEN marked(entry.marks, 'is_snoozed') THEN 1 END) AS recipients_snoozed,
        count(CASE WHEN marked(entry.marks, 'deleted') THEN 1 END) AS recipients_deleted
    FROM inbox_entry_rows AS entry
    INNER JOIN asked USING (n)
    WHERE entry.touched_in = ANY($touched_in::INTEGER[])
    GROUP BY asked.place
),
over_channels AS (
    SELECT place, count(CASE WHEN is_delivery THEN 1 END) AS deliveries, list_sort(list(DISTINCT channel)) AS channels
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
