-- How many of the filtered records there are per partition, most first.
SELECT "partition"::VARCHAR AS name, count(*) AS "count"
FROM filtered
GROUP BY ALL
ORDER BY "count" DESC, name
LIMIT $groups;
