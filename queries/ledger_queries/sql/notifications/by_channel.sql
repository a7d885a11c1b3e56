-- How many of the filtered notifications go over each channel.
SELECT
    each.channel AS name,
    count(*) AS group_rows
FROM (
    SELECT filtered.notification_id, delivery.channel
    FROM filtered
    INNER JOIN delivery_rows AS delivery USING (n)
    UNION
    SELECT filtered.notification_id, unnest(content.channels) AS channel
    FROM filtered
    INNER JOIN content_rows AS content USING (n)
) AS each
WHERE
    each.channel IS NOT NULL
    AND each.channel = $channel -- when channel
    -- when recipient
    AND (each.notification_id, each.channel) IN (
        SELECT delivery.notification_id, delivery.channel
        FROM delivery_rows AS delivery
        WHERE delivery.tenant_id = $tenant AND delivery.recipient_id = $recipient
    )
    -- end when
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
