-- What is known of the touched notifications: their events, where they lie.

-- Their places first, off two narrow columns: of the others, only what surrounds them is then read.

CREATE OR REPLACE TEMP TABLE prior_places AS
SELECT rowid AS place
FROM event_rows
SEMI JOIN (FROM touched WHERE touched_in IS NOT NULL) AS known USING (touched_in, n);

CREATE OR REPLACE TEMP TABLE prior AS
FROM event_rows
SEMI JOIN prior_places ON event_rows.rowid = prior_places.place;
