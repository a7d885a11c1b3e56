-- How many events the file holds, and how many records of the log besides.
SELECT
    (SELECT count(*) FROM event_rows) AS events,
    (SELECT count(*) FROM duplicates) AS duplicates,
    (SELECT count(*) FROM quarantine) AS quarantined;
