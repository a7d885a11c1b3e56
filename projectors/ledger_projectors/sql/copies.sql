-- Only when there is a row in again
-- What each further copy is a copy of, and whether it states the same.

-- All copies of an event share a partition, so that the offset alone tells them apart.

INSERT INTO copies
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
