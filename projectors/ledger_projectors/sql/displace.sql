-- What was applied in the absence of an earlier copy gives way to it: history holds the first copy of an event.

INSERT INTO displaced
SELECT
    applied.tenant_id,
    applied.notification_id,
    applied.event_id,
    applied.recorded_at,
    applied.log_partition,
    applied.log_offset,
    min(staged.log_offset) AS by_offset
FROM staged
SEMI JOIN (FROM copies WHERE NOT conflicts) AS harmless USING (log_partition, log_offset)
INNER JOIN events AS applied
    ON applied.tenant_id = staged.tenant_id
    AND applied.notification_id = staged.notification_id
    AND applied.event_id = staged.event_id
    AND applied.log_offset > staged.log_offset
GROUP BY ALL;

INSERT INTO duplicates BY NAME SELECT * EXCLUDE (by_offset) FROM displaced;

DELETE FROM events USING displaced
WHERE events.log_partition = displaced.log_partition AND events.log_offset = displaced.log_offset;

DELETE FROM copies USING displaced
WHERE copies.log_partition = displaced.log_partition AND copies.log_offset = displaced.by_offset;
