-- The events that are new, into history; a small row for each further copy.

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * FROM staged
ANTI JOIN copies USING (log_partition, log_offset);

INSERT INTO events BY NAME SELECT * FROM fresh;

INSERT INTO duplicates BY NAME
SELECT tenant_id, notification_id, event_id, recorded_at, log_partition, log_offset
FROM staged
SEMI JOIN (FROM copies WHERE NOT conflicts) AS harmless USING (log_partition, log_offset);
