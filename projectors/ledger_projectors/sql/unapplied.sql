-- Records that are about to be judged anew, with all their copies, are taken out of history as if they had not come.

INSERT INTO displaced
SELECT n, event_id, recorded_at, log_partition, log_offset, written_in, NULL AS by_offset
FROM prior
SEMI JOIN anew USING (log_partition, log_offset);

DELETE FROM event_contents USING displaced
WHERE event_contents.written_in = displaced.written_in
AND event_contents.log_partition = displaced.log_partition
AND event_contents.log_offset = displaced.log_offset;

DELETE FROM event_details USING displaced
WHERE event_details.written_in = displaced.written_in
AND event_details.log_partition = displaced.log_partition
AND event_details.log_offset = displaced.log_offset;

DELETE FROM prior USING anew
WHERE prior.log_partition = anew.log_partition AND prior.log_offset = anew.log_offset;

DELETE FROM duplicates USING anew
WHERE duplicates.log_partition = anew.log_partition AND duplicates.log_offset = anew.log_offset;
