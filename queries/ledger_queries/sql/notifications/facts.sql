-- The facts of notifications (their batches and numbers, in lists): per place in the lists and fact, first and last time and count.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n
)
SELECT
    asked.place,
    CASE
        WHEN automated AND kind IN ('opened', 'clicked') THEN 'automated_' || kind
        ELSE kind::VARCHAR
    END AS fact,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at,
    count(*) AS events
FROM event_rows
INNER JOIN asked USING (n)
WHERE
    touched_in = ANY($touched_in::INTEGER[])
    AND kind <> 'observed'
    AND NOT is_retracted
GROUP BY ALL;
