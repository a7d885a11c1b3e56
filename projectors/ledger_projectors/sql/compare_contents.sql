-- Only when there is a row in copies WHERE NOT conflicts AND kind IN ('created', 'amended')
-- Copies of what states content agree in that content, too, or they conflict.

CREATE OR REPLACE TEMP TABLE compared AS
SELECT kind, coalesce(written_in, 0) AS written_in, log_partition, log_offset, original_offset
FROM copies
WHERE NOT conflicts AND kind IN ('created', 'amended');

CREATE OR REPLACE TEMP TABLE differing AS
WITH told_of AS (
    SELECT log_partition, log_offset FROM compared
    UNION
    SELECT log_partition, original_offset FROM compared
),
stated AS (
    FROM batch_contents
    SEMI JOIN told_of USING (log_partition, log_offset)
    UNION ALL BY NAME
    SELECT event_contents.* EXCLUDE (written_in)
    FROM event_contents
    SEMI JOIN (SELECT written_in, log_partition, original_offset AS log_offset FROM compared) AS originals
        USING (written_in, log_partition, log_offset)
),
contents AS (
    SELECT log_partition, log_offset, stated AS content
    FROM stated
)
SELECT compared.log_partition, compared.log_offset
FROM compared
LEFT JOIN contents AS copy
    ON copy.log_partition = compared.log_partition AND copy.log_offset = compared.log_offset
LEFT JOIN contents AS original
    ON original.log_partition = compared.log_partition AND original.log_offset = compared.original_offset
WHERE folded_contents(compared.kind, copy.content) IS DISTINCT FROM folded_contents(compared.kind, original.content);

UPDATE copies SET conflicts = true
FROM differing
WHERE copies.log_partition = differing.log_partition AND copies.log_offset = differing.log_offset;
