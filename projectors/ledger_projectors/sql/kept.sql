-- Rejected records (an Arrow table) into quarantine, whole, with the reason.

INSERT INTO quarantine BY NAME
SELECT * REPLACE (make_timestamptz(recorded_at * 1000) AS recorded_at)
FROM rejected;
