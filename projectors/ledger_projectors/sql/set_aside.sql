-- Only when there is a row in copies
-- A small row for each further copy, which changes nothing else.

DELETE FROM fresh USING copies
WHERE fresh.log_partition = copies.log_partition AND fresh.log_offset = copies.log_offset;

INSERT INTO duplicates BY NAME
SELECT
    touched.tenant_id,
    touched.notification_id,
    copies.event_id,
    copies.recorded_at,
    copies.log_partition,
    copies.log_offset
FROM copies
INNER JOIN touched USING (n)
WHERE NOT copies.conflicts;
