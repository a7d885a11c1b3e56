-- How many of the filtered notifications each recipient has.
SELECT
    entry.recipient_id AS name,
    count(*) AS group_rows
FROM filtered
INNER JOIN inbox_entries AS entry
    ON entry.notification_id = filtered.notification_id
WHERE
    entry.tenant_id = $tenant
    AND entry.recipient_id = $recipient -- when recipient
    AND list_contains(entry.channels, $channel) -- when channel
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
