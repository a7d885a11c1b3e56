-- How many of the filtered notifications each recipient has.
SELECT
    entry.recipient_id AS name,
    count(*) AS group_rows
FROM filtered
INNER JOIN inbox_entry_rows AS entry
    ON entry.n = filtered.n
WHERE
    entry.tenant_id = $tenant
    AND entry.recipient_id = $recipient -- when recipient
    -- when channel
    AND (entry.n, entry.recipient_id) IN (
        SELECT delivery.n, delivery.recipient_id
        FROM delivery_rows AS delivery
        WHERE delivery.tenant_id = $tenant AND delivery.channel = $channel
    )
    -- end when
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
