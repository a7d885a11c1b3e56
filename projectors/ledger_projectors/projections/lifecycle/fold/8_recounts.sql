-- Only when there is a row in doubted
-- Recipients of notifications in doubt are counted anew, off the rows of all their entries: what these rows said before is
-- in doubt, too, and so is any count that followed it.

CREATE OR REPLACE TEMP TABLE recounted AS
SELECT tenant_id, recipient_id FROM prior_entries
UNION
SELECT tenant_id, recipient_id FROM new_entries;

DELETE FROM recipient_count_rows USING recounted
WHERE recipient_count_rows.tenant_id = recounted.tenant_id
AND recipient_count_rows.recipient_id = recounted.recipient_id;

INSERT INTO recipient_count_rows BY NAME
SELECT
    recipient_key(tenant_id, recipient_id) AS recipient_key,
    tenant_id,
    recipient_id,
    shelf_of(marks) AS shelf,
    count(*) AS total,
    count(*) FILTER (NOT marked(marks, 'is_read')) AS unread,
    count(*) FILTER (marks & seen_marks() = 0) AS unseen,
    count(*) FILTER (NOT marked(marks, 'acknowledged')) AS unacknowledged
FROM inbox_entry_rows
SEMI JOIN recounted USING (tenant_id, recipient_id)
WHERE listed_at IS NOT NULL
GROUP BY ALL;
