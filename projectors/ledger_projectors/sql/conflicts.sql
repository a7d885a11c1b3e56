-- Which records of a deduplicated batch state other content under an event's identity, and whose they are.

SELECT copies.log_partition, copies.log_offset, touched.tenant_id
FROM copies
INNER JOIN touched USING (n)
WHERE copies.conflicts
ORDER BY ALL;
