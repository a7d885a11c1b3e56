-- How many entries each recipient has, by shelf: what was counted of the touched ones before, less; what is now, more.

CREATE OR REPLACE TEMP TABLE changes AS
WITH counted AS (
    SELECT tenant_id, recipient_id, marks, -1 AS step FROM prior_entries WHERE listed_at IS NOT NULL
    UNION ALL
    SELECT tenant_id, recipient_id, marks, 1 AS step FROM new_entries WHERE listed_at IS NOT NULL
)
SELECT
    recipient_key(tenant_id, recipient_id) AS recipient_key,
    tenant_id,
    recipient_id,
    shelf_of(marks) AS shelf,
    sum(step) AS total,
    sum(CASE WHEN marked(marks, 'is_read') THEN 0 ELSE step END) AS unread,
    sum(CASE WHEN marks & seen_marks() <> 0 THEN 0 ELSE step END) AS unseen,
    sum(CASE WHEN marked(marks, 'acknowledged') THEN 0 ELSE step END) AS unacknowledged
FROM counted
GROUP BY ALL
HAVING total <> 0 OR unread <> 0 OR unseen <> 0 OR unacknowledged <> 0;

CREATE OR REPLACE TEMP TABLE counts_now AS
SELECT
    recipient_key, tenant_id, recipient_id, shelf,
    sum(total)::BIGINT AS total,
    sum(unread)::BIGINT AS unread,
    sum(unseen)::BIGINT AS unseen,
    sum(unacknowledged)::BIGINT AS unacknowledged
FROM (
    FROM changes
    UNION ALL BY NAME
    FROM recipient_count_rows
    SEMI JOIN changes USING (recipient_key, tenant_id, recipient_id, shelf)
)
GROUP BY ALL;

DELETE FROM recipient_count_rows USING changes
WHERE recipient_count_rows.recipient_key = changes.recipient_key
AND recipient_count_rows.tenant_id = changes.tenant_id
AND recipient_count_rows.recipient_id = changes.recipient_id
AND recipient_count_rows.shelf = changes.shelf;

INSERT INTO recipient_count_rows BY NAME FROM counts_now WHERE total <> 0;
