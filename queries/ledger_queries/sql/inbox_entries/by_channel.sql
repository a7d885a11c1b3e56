-- How many of the filtered inbox entries have a delivery over each channel.
SELECT
    each.channel AS name,
    count(*) AS group_rows
FROM (
    SELECT DISTINCT delivery.n, delivery.recipient_id, delivery.channel
    FROM filtered
    INNER JOIN delivery_rows AS delivery USING (n, recipient_id)
) AS each
WHERE
    each.channel IS NOT NULL
    AND each.channel = $channel -- when channel
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
