-- Who and what there is: recipients and deliveries, and which of them each fact belongs to.

CREATE OR REPLACE TEMP TABLE stated AS
SELECT n, recipient_id, channel, delivery_ref, bit_or(marks) AS marks
FROM heard
GROUP BY n, recipient_id, channel, delivery_ref;

CREATE OR REPLACE TEMP TABLE members AS
SELECT n, member.recipient_id AS recipient_id, member.channels AS channels
FROM (
    SELECT n, unnest(audience) AS member
    FROM heard
    WHERE audience IS NOT NULL
);

CREATE OR REPLACE TEMP TABLE entries AS
SELECT n, recipient_id FROM stated WHERE recipient_id <> ''
UNION
SELECT n, recipient_id FROM members;

CREATE OR REPLACE TEMP TABLE soles AS
SELECT n, min(recipient_id) AS recipient_id
FROM entries
GROUP BY n
HAVING count(*) = 1;

-- An audience of one: what names nobody is that recipient's.

CREATE OR REPLACE TEMP TABLE attributed AS
SELECT
    stated.*,
    CASE WHEN stated.recipient_id = '' THEN coalesce(soles.recipient_id, '') ELSE stated.recipient_id END AS of_recipient
FROM stated
LEFT JOIN soles USING (n);

CREATE OR REPLACE TEMP TABLE slots AS
WITH carried_out AS (
    SELECT n, of_recipient AS recipient_id, channel, delivery_ref
    FROM attributed
    WHERE channel <> '' AND of_recipient <> ''
),
planned AS (
    SELECT n, recipient_id, channel, '' AS delivery_ref
    FROM (SELECT n, recipient_id, unnest(channels) AS channel FROM members)
    -- A plan that was carried out under a reference makes way for it.
    ANTI JOIN (FROM carried_out WHERE delivery_ref <> '') AS referred USING (n, recipient_id, channel)
)
FROM carried_out
UNION
FROM planned;

CREATE OR REPLACE TEMP TABLE singles AS
SELECT n, recipient_id, min(channel) AS channel, min(delivery_ref) AS delivery_ref
FROM slots
GROUP BY n, recipient_id
HAVING count(*) = 1;

-- A single delivery: what names no channel is that delivery's.

CREATE OR REPLACE TEMP TABLE placed AS
SELECT
    attributed.*,
    CASE
        WHEN attributed.channel = '' AND singles.n IS NOT NULL THEN singles.channel
        ELSE attributed.channel
    END AS of_channel,
    CASE
        WHEN attributed.channel = '' AND singles.n IS NOT NULL THEN singles.delivery_ref
        ELSE attributed.delivery_ref
    END AS of_delivery_ref
FROM attributed
LEFT JOIN singles
    ON singles.n = attributed.n AND singles.recipient_id = attributed.of_recipient;

CREATE OR REPLACE TEMP TABLE states AS
SELECT n, of_recipient, of_channel, of_delivery_ref, marks, NULL::TIMESTAMPTZ AS snoozed_until
FROM placed
LIMIT 0;
