-- The events of the touched notifications, old and new, into history: together, as rows of this batch.

-- Events that a retracted takes back; a retracted itself is never taken back.

CREATE OR REPLACE TEMP TABLE taken_back AS
SELECT DISTINCT n, retracted_event_id AS event_id
FROM (
    SELECT n, kind, retracted_event_id FROM prior
    UNION ALL
    SELECT n, kind, retracted_event_id FROM fresh
)
WHERE kind = 'retracted';

DELETE FROM event_rows USING prior_places
WHERE event_rows.rowid = prior_places.place;

INSERT INTO event_rows BY NAME
SELECT
    * REPLACE (
        getvariable('batch') AS touched_in,
        kind <> 'retracted' AND (n, event_id) IN (FROM taken_back) AS is_retracted
    )
FROM prior;

INSERT INTO event_rows BY NAME
SELECT
    *,
    getvariable('batch') AS touched_in,
    getvariable('batch') AS written_in,
    kind <> 'retracted' AND (n, event_id) IN (FROM taken_back) AS is_retracted
FROM fresh;

DELETE FROM directory USING touched
WHERE directory.touched_in = touched.touched_in AND directory.n = touched.n;

INSERT INTO directory BY NAME
SELECT n, getvariable('batch') AS touched_in, tenant_id, notification_id
FROM touched;

-- Replaced, not updated: an UPDATE that an open reader may ask for keeps DuckDB from every checkpoint.

DELETE FROM numbering;

INSERT INTO numbering
SELECT getvariable('batch'), getvariable('notifications') + count(*)
FROM touched
WHERE touched_in IS NULL;
