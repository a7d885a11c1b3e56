-- Every record that is a further copy of an event, in history or earlier in this batch, and whether it conflicts.

CREATE OR REPLACE TEMP TABLE repeated AS
SELECT n, event_id, min(log_offset) AS log_offset
FROM fresh
GROUP BY n, event_id
HAVING count(*) > 1;

-- All copies of an event share a partition, so that the offset alone tells them apart.

CREATE OR REPLACE TEMP TABLE copies AS
WITH again AS (
    SELECT fresh AS copy, prior AS original, prior.written_in
    FROM fresh
    INNER JOIN prior USING (n, event_id)
    UNION ALL
    SELECT copy, original, NULL AS written_in
    FROM (
        SELECT fresh AS copy, repeated.log_offset AS first_offset
        FROM fresh
        INNER JOIN repeated USING (n, event_id)
        ANTI JOIN prior USING (n, event_id)
        WHERE fresh.log_offset <> repeated.log_offset
    ) AS further
    INNER JOIN fresh AS original
        ON original.n = (copy).n
        AND original.event_id = (copy).event_id
        AND original.log_offset = first_offset
)
SELECT
    (copy).n AS n,
    (copy).event_id AS event_id,
    (copy).kind AS kind,
    (copy).recorded_at AS recorded_at,
    (copy).log_partition AS log_partition,
    (copy).log_offset AS log_offset,
    (original).log_offset AS original_offset,
    written_in,
    folded(copy) IS DISTINCT FROM folded(original) AS conflicts
FROM again;
