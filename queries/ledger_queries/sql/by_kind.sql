-- How many of the filtered rows reached each kind.
SELECT
    -- insert kinds
    count(*) AS rows_filtered
FROM filtered;
