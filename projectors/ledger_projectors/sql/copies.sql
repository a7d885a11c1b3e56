-- Only when there is a row in again
-- What each further copy is a copy of, and whether it states the same.

-- All copies of an event share a partition, so that the offset alone tells them apart.

INSERT INTO copies BY NAME
WITH candidates AS (
    SELECT
        fresh.n,
        fresh.event_id,
        fresh.kind,
        fresh.recorded_at,
        fresh.log_partition,
        fresh.log_offset,
        again.first_offset,
        folded(fresh) AS folded
    FROM fresh
    INNER JOIN again USING (n, event_id)
),
originals AS (
    SELECT prior.n, prior.event_id, prior.log_offset, prior.written_in, folded(prior) AS folded
    FROM prior
    SEMI JOIN again USING (n, event_id)
    UNION ALL
    SELECT n, event_id, log_offset, NULL, folded
    FROM candidates
    WHERE log_offset = first_offset
)
SELECT
    candidates.* EXCLUDE (first_offset, folded),
    originals.log_offset AS original_offset,
    originals.written_in,
    candidates.folded IS DISTINCT FROM originals.folded AS conflicts
FROM candidates
INNER JOIN originals USING (n, event_id)
WHERE candidates.log_offset <> originals.log_offset;
