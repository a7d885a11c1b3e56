-- Only when there is a row in copies
-- Copies of what states content agree in that content, too, or they conflict.

CREATE OR REPLACE TEMP TABLE differing AS
WITH compared AS (
    SELECT kind, written_in, log_partition, log_offset, original_offset
    FROM copies
    WHERE NOT conflicts AND kind IN ('created', 'amended')
),
details AS (
    FROM batch_details
    UNION ALL BY NAME
    SELECT event_details.* EXCLUDE (written_in)
    FROM event_details
    SEMI JOIN compared USING (written_in)
)
SELECT compared.log_partition, compared.log_offset
FROM compared
LEFT JOIN details AS copy
    ON copy.log_partition = compared.log_partition AND copy.log_offset = compared.log_offset
LEFT JOIN details AS original
    ON original.log_partition = compared.log_partition AND original.log_offset = compared.original_offset
WHERE folded_details(compared.kind, copy) IS DISTINCT FROM folded_details(compared.kind, original);

UPDATE copies SET conflicts = true
FROM differing
WHERE copies.log_partition = differing.log_partition AND copies.log_offset = differing.log_offset;
