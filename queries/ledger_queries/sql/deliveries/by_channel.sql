-- How many of the filtered deliveries go over each channel.
SELECT
    filtered.channel AS name,
    count(*) AS group_rows
FROM filtered
GROUP BY name
ORDER BY group_rows DESC, name
LIMIT $groups;
