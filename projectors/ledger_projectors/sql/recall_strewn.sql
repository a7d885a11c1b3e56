-- As recall, where the touched notifications may be strewn over a large file: two columns tell which rows are theirs, and
-- the others are read only where one of these lies. DuckDB 2.0 prunes by row group alone when it joins.

CREATE OR REPLACE TEMP TABLE places AS
SELECT event_rows.rowid AS place
FROM event_rows
SEMI JOIN (FROM touched WHERE touched_in IS NOT NULL) AS known USING (touched_in, n);

CREATE OR REPLACE TEMP TABLE prior AS
FROM event_rows
SEMI JOIN places ON event_rows.rowid = places.place;
