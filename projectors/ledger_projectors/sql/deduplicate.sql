-- Every record that is a further copy of an event, in history or earlier in this batch, and whether it conflicts.

-- Ids alone first: the many columns are read only of the few events that came again.

CREATE OR REPLACE TEMP TABLE again AS
SELECT n, event_id, min(log_offset) AS first_offset, false AS met
FROM fresh
ANTI JOIN prior USING (n, event_id)
GROUP BY n, event_id
HAVING count(*) > 1
UNION ALL
SELECT DISTINCT n, event_id, NULL, true
FROM fresh
SEMI JOIN prior USING (n, event_id);

DELETE FROM copies;
