-- How many of the filtered records there are per tenant, most first; null: no event was decoded from them.
SELECT tenant_id AS name, count(*) AS "count"
FROM filtered
GROUP BY ALL
ORDER BY "count" DESC, name
LIMIT $groups;
