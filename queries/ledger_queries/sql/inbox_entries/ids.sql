-- The ids of the filtered inbox entries, in their order, and whose each is: no row is read whole.
SELECT
    inbox_entry_id_of(tenant_id, notification_id, recipient_id)::VARCHAR AS inbox_entry_id,
    recipient_id
FROM filtered
ORDER BY inbox_entry_id;
