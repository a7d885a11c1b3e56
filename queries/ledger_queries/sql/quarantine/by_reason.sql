-- How many of the filtered records there are per reason, most first.
SELECT reason AS name, count(*) AS "count"
FROM filtered
GROUP BY ALL
ORDER BY "count" DESC, name
LIMIT $groups;
