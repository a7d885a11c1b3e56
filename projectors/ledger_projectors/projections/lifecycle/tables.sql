-- The read model of the notification lifecycle: what is known, at three grains, and what each notification says.

-- What facts are stated (infra/guides/fold.md, section 1): the kinds in their order, then what follows from a field.

CREATE TYPE fact AS ENUM (/* facts */);

-- What a row reached, and what events stated of it.

CREATE MACRO reached(facts, name) AS list_contains([f.fact FOR f IN facts], name::fact);
CREATE MACRO fact_of(facts, name) AS list_filter(facts, lambda f: f.fact = name::fact)[1];
CREATE MACRO shelf_of(is_deleted, is_archived, is_snoozed) AS CASE
    WHEN is_deleted THEN 'deleted'
    WHEN is_archived THEN 'archived'
    WHEN is_snoozed THEN 'snoozed'
    ELSE 'inbox'
END;
-- Of several events the latest is the one with the largest recency (infra/guides/fold.md, section 1). A clock that runs
-- ahead pins nothing, since no event is later than the log took it. No argument may be null: DuckDB takes a row with a
-- null for the largest.
CREATE MACRO effective_at(occurred_at, recorded_at) AS least(occurred_at, recorded_at);
CREATE MACRO recency(occurred_at, recorded_at, event_id) AS
    row(effective_at(occurred_at, recorded_at), occurred_at, event_id);
-- Whether a retracted names an event; a retracted itself is never taken back.
CREATE MACRO is_taken_back(number, id, its_kind) AS
    its_kind <> 'retracted' AND (number, id) IN (SELECT (n, event_id) FROM retractions);
-- Lengths of texts are those of their UTF-8 bytes; a notification_id has 36 ('00000024' in hexadecimal). 48 bits of it
-- come first; version 8 and the variant stand over the bits of the hash that are theirs.
CREATE MACRO inbox_entry_id_of(tenant_id, notification_id, recipient_id) AS (
    SELECT (
        replace(notification_id::VARCHAR, '-', '')[1:12] || '8' || hashed[2:4]
        || translate(hashed[5], '0123456789abcdef', '89ab89ab89ab89ab') || hashed[6:20]
    )::UUID
    FROM (
        SELECT sha256(
            unhex(printf('%08x', strlen(tenant_id))) || encode(tenant_id)
            || unhex('00000024') || encode(notification_id::VARCHAR)
            || unhex(printf('%08x', strlen(recipient_id))) || encode(recipient_id)
        ) AS hashed
    )
);
CREATE MACRO recipient_key(tenant_id, recipient_id) AS
    md5_number_lower(strlen(tenant_id) || ':' || tenant_id || recipient_id);

-- What DuckDB compresses of many different texts it reads by the segment: 2.8 ms for seven ids, 0.1 ms as they are.

CREATE TABLE notification_rows (
    version BIGINT NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    listed_at TIMESTAMPTZ,
    failed_permanently BOOLEAN NOT NULL,
    channels VARCHAR[] NOT NULL,
    recipients INTEGER NOT NULL,
    recipients_fired INTEGER NOT NULL,
    recipients_delivered INTEGER NOT NULL,
    recipients_failed INTEGER NOT NULL,
    recipients_cancelled INTEGER NOT NULL,
    recipients_expired INTEGER NOT NULL,
    recipients_seen INTEGER NOT NULL,
    recipients_opened INTEGER NOT NULL,
    recipients_clicked INTEGER NOT NULL,
    recipients_read INTEGER NOT NULL,
    recipients_acknowledged INTEGER NOT NULL,
    recipients_archived INTEGER NOT NULL,
    recipients_snoozed INTEGER NOT NULL,
    recipients_deleted INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    first_fired_at TIMESTAMPTZ,
    first_delivered_at TIMESTAMPTZ,
    first_failed_at TIMESTAMPTZ,
    first_cancelled_at TIMESTAMPTZ,
    first_expired_at TIMESTAMPTZ,
    first_seen_at TIMESTAMPTZ,
    first_opened_at TIMESTAMPTZ,
    first_clicked_at TIMESTAMPTZ,
    first_read_at TIMESTAMPTZ,
    first_acknowledged_at TIMESTAMPTZ,
    facts STRUCT (fact fact, first_at TIMESTAMPTZ, last_at TIMESTAMPTZ, "count" INTEGER)[] NOT NULL,
    stated STRUCT (
        channel VARCHAR,
        delivery_ref VARCHAR,
        fact fact,
        "count" INTEGER,
        first_at TIMESTAMPTZ,
        last_at TIMESTAMPTZ,
        effective_at TIMESTAMPTZ,
        latest_at TIMESTAMPTZ,
        latest_id UUID,
        snoozed_until TIMESTAMPTZ
    )[] NOT NULL,
    seen_events UBIGINT[] NOT NULL,
    seen_elsewhere INTEGER NOT NULL
);
COMMENT ON TABLE notification_rows IS 'Grain: notification. Query the view notifications.';
COMMENT ON COLUMN notification_rows.version IS 'Tells row from row: the later one was written, the larger.';
COMMENT ON COLUMN notification_rows.channels IS 'Of its deliveries, sorted.';
COMMENT ON COLUMN notification_rows.facts IS 'All facts of it and of what lies below it, by fact.';
COMMENT ON COLUMN notification_rows.stated IS 'Facts as events stated them without a recipient, by channel and delivery_ref (null: none) and fact. The latest of a reversible fact is told by effective_at, then latest_at (its occurred_at), then latest_id; of others they are null.';
COMMENT ON COLUMN notification_rows.seen_events IS 'Hashes of the ids of its events: 64 bits, the first half of the id XOR the second. seen_elsewhere: how many more stand in the table seen_events.';

CREATE TABLE inbox_entry_rows (
    version BIGINT NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR USING COMPRESSION uncompressed NOT NULL,
    listed_at TIMESTAMPTZ,
    failed_permanently BOOLEAN NOT NULL,
    is_seen BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL,
    is_archived BOOLEAN NOT NULL,
    is_snoozed BOOLEAN NOT NULL,
    snoozed_until TIMESTAMPTZ,
    is_deleted BOOLEAN NOT NULL,
    channels VARCHAR[] NOT NULL,
    deliveries INTEGER NOT NULL,
    first_fired_at TIMESTAMPTZ,
    first_delivered_at TIMESTAMPTZ,
    first_failed_at TIMESTAMPTZ,
    first_cancelled_at TIMESTAMPTZ,
    first_expired_at TIMESTAMPTZ,
    first_seen_at TIMESTAMPTZ,
    first_opened_at TIMESTAMPTZ,
    first_clicked_at TIMESTAMPTZ,
    first_read_at TIMESTAMPTZ,
    first_acknowledged_at TIMESTAMPTZ,
    facts STRUCT (fact fact, first_at TIMESTAMPTZ, last_at TIMESTAMPTZ, "count" INTEGER)[] NOT NULL,
    stated STRUCT (
        channel VARCHAR,
        delivery_ref VARCHAR,
        fact fact,
        "count" INTEGER,
        first_at TIMESTAMPTZ,
        last_at TIMESTAMPTZ,
        effective_at TIMESTAMPTZ,
        latest_at TIMESTAMPTZ,
        latest_id UUID,
        snoozed_until TIMESTAMPTZ
    )[] NOT NULL
);
COMMENT ON TABLE inbox_entry_rows IS 'Grain: inbox entry. Query the view inbox_entries.';
COMMENT ON COLUMN inbox_entry_rows.facts IS 'What it shows: its own facts, and those of its notification that apply to it.';
COMMENT ON COLUMN inbox_entry_rows.stated IS 'Facts as events stated them of this recipient, as in notification_rows.';

CREATE TABLE delivery_rows (
    version BIGINT NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR USING COMPRESSION uncompressed NOT NULL,
    channel VARCHAR NOT NULL,
    delivery_ref VARCHAR NOT NULL,
    listed_at TIMESTAMPTZ,
    failed_permanently BOOLEAN NOT NULL,
    is_seen BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL,
    is_archived BOOLEAN NOT NULL,
    is_snoozed BOOLEAN NOT NULL,
    snoozed_until TIMESTAMPTZ,
    is_deleted BOOLEAN NOT NULL,
    first_fired_at TIMESTAMPTZ,
    first_delivered_at TIMESTAMPTZ,
    first_failed_at TIMESTAMPTZ,
    first_cancelled_at TIMESTAMPTZ,
    first_expired_at TIMESTAMPTZ,
    first_seen_at TIMESTAMPTZ,
    first_opened_at TIMESTAMPTZ,
    first_clicked_at TIMESTAMPTZ,
    first_read_at TIMESTAMPTZ,
    first_acknowledged_at TIMESTAMPTZ,
    facts STRUCT (fact fact, first_at TIMESTAMPTZ, last_at TIMESTAMPTZ, "count" INTEGER)[] NOT NULL
);
COMMENT ON TABLE delivery_rows IS 'Grain: delivery. version is that of its inbox entry: both are written together. Query the view deliveries.';

CREATE TABLE recipient_count_rows (
    recipient_key UBIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    recipient_id VARCHAR USING COMPRESSION uncompressed NOT NULL,
    shelf VARCHAR NOT NULL,
    total BIGINT NOT NULL,
    unread BIGINT NOT NULL,
    unseen BIGINT NOT NULL,
    unacknowledged BIGINT NOT NULL
);
COMMENT ON TABLE recipient_count_rows IS 'How many listed entries each recipient has, by shelf: deleted, else archived, else snoozed, else inbox. recipient_key: 64 bits of the MD5 of tenant and recipient, what a look-up goes by. Query the view recipient_counts.';

CREATE TABLE content_rows (
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    /* columns of content */
);
COMMENT ON TABLE content_rows IS 'What a notification says: per field, the value of its latest amended that speaks of it, else that of its earliest created that has one.';
COMMENT ON COLUMN content_rows."number" IS 'Integer id: what its first created states or else, of its first copy in the log, offset x partitions + partition.';
COMMENT ON COLUMN content_rows.audience IS 'Members that created names, then those that each audience_added adds, each recipient once.';
COMMENT ON COLUMN content_rows.personal IS 'Personal data; everything outside this column is safe to keep for ever.';
