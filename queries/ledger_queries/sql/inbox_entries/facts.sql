-- The facts of inbox entries (their columns, in lists): per place in the lists and fact, first and last time and count.
WITH asked AS MATERIALIZED (
    SELECT
        unnest(range(len($n))) AS place,
        unnest($n::BIGINT[]) AS n,
        unnest($recipient_id::VARCHAR[]) AS recipient_id,
        unnest($marks::BIGINT[]) AS marks
),
heard AS MATERIALIZED (
    SELECT n, event_id, kind, automated, occurred_at, recipient_id, channel, delivery_ref
    FROM event_rows
    -- By one column each: so the scan passes on no other notification's rows; of two it would, and they all be read.
    WHERE touched_in = ANY($touched_in::INTEGER[])
    AND n = ANY($n::BIGINT[])
    AND kind NOT IN ('observed', 'retracted')
    AND NOT is_retracted
),
-- A few facts reach everybody below who has a delivery over their channel, or under their reference.
over_channels AS (
    FROM heard
    WHERE recipient_id IS NULL AND channel IS NOT NULL AND kind IN ('fired', 'cancelled', 'expired', 'failed')
),
downward AS (
    SELECT DISTINCT over_channels.*, sent.recipient_id AS of_recipient
    FROM over_channels
    INNER JOIN (
        SELECT n, recipient_id, channel, delivery_ref
        FROM delivery_rows
        WHERE touched_in = ANY($touched_in::INTEGER[])
        AND n IN (SELECT n FROM over_channels)
    ) AS sent
        ON sent.n = over_channels.n
        AND sent.channel = over_channels.channel
        AND coalesce(over_channels.delivery_ref, '') IN ('', sent.delivery_ref)
),
said AS (
    SELECT asked.place, heard.kind, heard.automated, heard.occurred_at
    FROM asked
    INNER JOIN heard USING (n, recipient_id)
    UNION ALL
    SELECT asked.place, heard.kind, heard.automated, heard.occurred_at
    FROM asked
    INNER JOIN heard USING (n)
    WHERE
        heard.recipient_id IS NULL
        AND (
            marked(asked.marks, 'is_sole')
            OR (heard.channel IS NULL AND heard.kind IN ('fired', 'cancelled', 'expired', 'failed'))
        )
    UNION ALL
    SELECT asked.place, downward.kind, downward.automated, downward.occurred_at
    FROM asked
    INNER JOIN downward ON downward.n = asked.n AND downward.of_recipient = asked.recipient_id
    WHERE NOT marked(asked.marks, 'is_sole')
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
