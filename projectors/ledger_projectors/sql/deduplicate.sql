-- Every record that is a further copy of an event, in history or earlier in this batch, and whether it conflicts.

-- Ids alone first: the many columns are read only of the few events that came again.

CREATE OR REPLACE TEMP TABLE again AS
SELECT
    n,
    event_id,
    CASE WHEN NOT bool_or(is_prior) THEN min(log_offset) END AS first_offset
FROM (
    SELECT n, event_id, log_offset, false AS is_prior FROM fresh
    UNION ALL
    -- History holds each event once.
    SELECT n, event_id, NULL, true FROM prior
)
GROUP BY n, event_id
HAVING count(*) > 1;

DELETE FROM copies;
