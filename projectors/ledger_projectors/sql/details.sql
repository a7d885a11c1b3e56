-- What else the new events state.

INSERT INTO event_details BY NAME
SELECT *, getvariable('batch') AS written_in
FROM batch_details
ANTI JOIN copies USING (log_partition, log_offset);
