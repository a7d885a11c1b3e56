-- How many of the filtered notifications have a delivery over each channel.
SELECT
    delivery.channel AS name,
    count(DISTINCT delivery.notification_id) AS group_rows
FROM filtered
INNER JOIN deliveries AS delivery
    ON delivery.notification_id = filtered.notification_id
WHERE
    delivery.tenant_id = $tenant
    AND delivery.recipient_id = $recipient -- when recipient
    AND delivery.channel = $channel -- when channel
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
