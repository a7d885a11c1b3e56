-- How many of the filtered inbox entries each recipient has.
SELECT
    filtered.recipient_id AS name,
    count(*) AS group_rows
FROM filtered
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
