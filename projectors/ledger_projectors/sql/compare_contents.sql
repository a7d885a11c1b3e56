-- Only when there is a row in copies WHERE NOT conflicts AND kind IN ('created', 'amended')
-- Copies of what states content agree in that content, too, or they conflict.

CREATE OR REPLACE TEMP TABLE compared AS
SELECT kind, coalesce(written_in, 0) AS written_in, log_partition, log_offset, original_offset
FROM copies
WHERE NOT conflicts AND kind IN ('created', 'amended');

CREATE OR REPLACE TEMP TABLE differing AS
WITH pairs AS (
    SELECT kind, log_partition, log_offset AS copy_offset, log_offset FROM compared
    UNION ALL
    SELECT kind, log_partition, log_offset AS copy_offset, original_offset AS log_offset FROM compared
),
stated AS (
    FROM batch_contents
    SEMI JOIN pairs USING (log_partition, log_offset)
    UNION ALL BY NAME
    SELECT event_contents.* EXCLUDE (written_in)
    FROM event_contents
    SEMI JOIN (SELECT written_in, log_partition, original_offset AS log_offset FROM compared) AS originals
        USING (written_in, log_partition, log_offset)
),
-- An empty list is no value; an event that states no content has none at all; amended says nothing of attributes.
contents AS (
    SELECT DISTINCT
        pairs.log_partition,
        pairs.copy_offset,
        stated.* EXCLUDE (log_partition, log_offset) REPLACE (
            nullif(stated.channels, []) AS channels,
            nullif(stated.groups, []) AS groups,
            nullif(stated.tags, []) AS tags,
            nullif(stated.contexts, []) AS contexts,
            nullif(stated.cleared, []) AS cleared,
            CASE WHEN pairs.kind = 'created' THEN stated.attributes END AS attributes
        )
    FROM pairs
    LEFT JOIN stated USING (log_partition, log_offset)
)
SELECT log_partition, copy_offset AS log_offset
FROM contents
GROUP BY log_partition, copy_offset
HAVING count(*) > 1;

UPDATE copies SET conflicts = true
FROM differing
WHERE copies.log_partition = differing.log_partition AND copies.log_offset = differing.log_offset;
