-- The facts of deliveries (their columns, in lists): per place in the lists and fact, first and last time and count.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n,
        unnest($recipient_id::VARCHAR[]) AS recipient_id,
        unnest($channel::VARCHAR[]) AS channel,
        unnest($delivery_ref::VARCHAR[]) AS delivery_ref,
        unnest($marks::BIGINT[]) AS marks
),
heard AS MATERIALIZED (
    SELECT n, kind, automated, occurred_at, recipient_id, channel, delivery_ref
    FROM event_rows
    -- By one column each: so the scan passes on no other notification's rows; of two it would, and they all be read.
    WHERE touched_in = ANY($touched_in::INTEGER[])
    AND n = ANY($n::BIGINT[])
    AND kind NOT IN ('observed', 'retracted')
    AND NOT is_retracted
),
of_recipients AS (
    SELECT asked.*, heard.kind, heard.automated, heard.occurred_at, heard.channel AS over, heard.delivery_ref AS under
    FROM asked
    INNER JOIN heard USING (n, recipient_id)
    UNION ALL BY NAME
    SELECT asked.*, heard.kind, heard.automated, heard.occurred_at, heard.channel AS over, heard.delivery_ref AS under
    FROM asked
    INNER JOIN heard USING (n)
    WHERE heard.recipient_id IS NULL AND marked(asked.marks, 'is_sole')
),
said AS (
    SELECT place, kind, automated, occurred_at
    FROM of_recipients
    WHERE
        (over = channel AND coalesce(under, '') = delivery_ref)
        OR (
            over IS NULL
            AND (marked(marks, 'is_single') OR kind IN ('fired', 'cancelled', 'expired', 'failed'))
        )
    UNION ALL
    SELECT asked.place, heard.kind, heard.automated, heard.occurred_at
    FROM asked
    INNER JOIN heard USING (n)
    WHERE
        heard.recipient_id IS NULL
        AND NOT marked(asked.marks, 'is_sole')
        AND heard.kind IN ('fired', 'cancelled', 'expired', 'failed')
        AND (heard.channel IS NULL OR heard.channel = asked.channel)
        AND coalesce(heard.delivery_ref, '') IN ('', asked.delivery_ref)
)
SELECT
    place,
    CASE
        WHEN automated AND kind IN ('opened', 'clicked') THEN 'automated_' || kind
        ELSE kind::VARCHAR
    END AS fact,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at,
    count(*) AS events
FROM said
GROUP BY ALL;
