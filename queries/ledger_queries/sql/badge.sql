-- How many inbox entries a recipient has on each shelf; folded with the rows, so that nothing is counted here.
SELECT
    shelf,
    total,
    unread,
    unseen,
    unacknowledged
FROM recipient_count_rows
WHERE
    recipient_count_rows.recipient_key = recipient_key($tenant, $recipient)
    AND tenant_id = $tenant
    AND recipient_id = $recipient;
