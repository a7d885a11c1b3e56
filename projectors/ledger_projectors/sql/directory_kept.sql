-- Rejected records of the directory (an Arrow table) into its quarantine, whole, with the reason.

INSERT INTO directory_quarantine BY NAME
SELECT * REPLACE (make_timestamptz(recorded_at * 1000) AS recorded_at)
FROM rejected;
