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

-- All copies of an event share a partition, so that the offset alone tells them apart.

CREATE OR REPLACE TEMP TABLE copies AS
WITH candidates AS (
    SELECT fresh, again.first_offset, again.met
    FROM fresh
    INNER JOIN again USING (n, event_id)
),
originals AS (
    SELECT prior.n, prior.event_id, prior.log_offset, prior.written_in, folded(prior) AS folded
    FROM prior
    SEMI JOIN again USING (n, event_id)
    UNION ALL
    SELECT (fresh).n, (fresh).event_id, (fresh).log_offset, NULL, folded(fresh)
    FROM candidates
    WHERE (fresh).log_offset = first_offset
)
SELECT
    originals.n,
    originals.event_id,
    (fresh).kind AS kind,
    (fresh).recorded_at AS recorded_at,
    (fresh).log_partition AS log_partition,
    (fresh).log_offset AS log_offset,
    originals.log_offset AS original_offset,
    originals.written_in,
    folded(fresh) IS DISTINCT FROM originals.folded AS conflicts
FROM candidates
INNER JOIN originals ON originals.n = (fresh).n AND originals.event_id = (fresh).event_id
WHERE (fresh).log_offset <> originals.log_offset;
