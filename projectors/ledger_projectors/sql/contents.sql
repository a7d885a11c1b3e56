-- What the new events say: of those that state content.

INSERT INTO event_contents BY NAME
SELECT *, getvariable('batch') AS written_in
FROM batch_contents
ANTI JOIN copies USING (log_partition, log_offset);
