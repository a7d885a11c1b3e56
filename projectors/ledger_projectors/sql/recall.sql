-- What is known of the touched notifications: their events, where they lie.

CREATE OR REPLACE TEMP TABLE prior AS
FROM event_rows
SEMI JOIN (FROM touched WHERE touched_in IS NOT NULL) AS known USING (touched_in, n);
