-- How many rows the filter finds.
SELECT count(*) AS total
FROM filtered;
