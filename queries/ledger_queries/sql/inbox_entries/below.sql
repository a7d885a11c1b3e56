-- What lies below inbox entries (their columns, in lists): how many deliveries, over which channels.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n,
        unnest($recipient_id::VARCHAR[]) AS recipient_id
),
sent AS MATERIALIZED (
    SELECT n, recipient_id, channel
    FROM delivery_rows
    WHERE touched_in = ANY($touched_in::INTEGER[])
    AND n = ANY($n::BIGINT[])
)
SELECT
    asked.place,
    count(sent.n) AS deliveries,
    coalesce(list_sort(list(DISTINCT sent.channel) FILTER (sent.n IS NOT NULL)), []) AS channels
FROM asked
LEFT JOIN sent USING (n, recipient_id)
GROUP BY asked.place;
