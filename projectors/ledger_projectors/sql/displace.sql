-- What was applied in the absence of an earlier copy gives way to it: history holds the first copy of an event.

INSERT INTO displaced
SELECT
    prior.n,
    prior.event_id,
    prior.recorded_at,
    prior.log_partition,
    prior.log_offset,
    prior.written_in,
    min(copies.log_offset) AS by_offset
FROM copies
INNER JOIN prior
    ON prior.n = copies.n
    AND prior.event_id = copies.event_id
    AND prior.log_offset > copies.log_offset
WHERE NOT copies.conflicts
GROUP BY ALL;

INSERT INTO duplicates BY NAME
SELECT touched.tenant_id, touched.notification_id, displaced.* EXCLUDE (n, by_offset, written_in)
FROM displaced
INNER JOIN touched USING (n)
-- Without one: it is judged anew, and what it is found to be is not known yet.
WHERE displaced.by_offset IS NOT NULL;

DELETE FROM prior USING displaced
WHERE prior.log_partition = displaced.log_partition AND prior.log_offset = displaced.log_offset;

DELETE FROM event_contents USING displaced
WHERE event_contents.written_in = displaced.written_in
AND event_contents.log_partition = displaced.log_partition
AND event_contents.log_offset = displaced.log_offset;

DELETE FROM event_details USING displaced
WHERE event_details.written_in = displaced.written_in
AND event_details.log_partition = displaced.log_partition
AND event_details.log_offset = displaced.log_offset;

DELETE FROM copies USING displaced
WHERE copies.log_partition = displaced.log_partition AND copies.log_offset = displaced.by_offset;
