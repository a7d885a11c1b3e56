-- What lies below inbox entries (their columns, in lists): how many deliveries, over which channels.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($touched_in::INTEGER[]) AS touched_in,
        unnest($n::BIGINT[]) AS n,
        unnest($recipient_id::VARCHAR[]) AS recipient_id
)
SELECT
    asked.place,
    count(delivery.n) AS deliveries,
    coalesce(list_sort(list(DISTINCT delivery.channel) FILTER (delivery.n IS NOT NULL)), []) AS channels
FROM asked
LEFT JOIN delivery_rows AS delivery USING (touched_in, n, recipient_id)
GROUP BY asked.place;
