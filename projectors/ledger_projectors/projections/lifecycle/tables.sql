-- The read model of the notification lifecycle: what is known, at three grains, and what each notification says.

-- What rows of the grains are marked with, one bit each: the kinds first, in their order, then the other facts, then
-- states that hold now. is_sole: the recipient is the only one; is_single: the delivery is its recipient's only one.

CREATE TYPE mark AS ENUM (
    'created', 'fired', 'delivered', 'opened', 'read', 'acknowledged', 'failed', 'attempted',
    'deferred', 'cancelled', 'expired', 'seen', 'clicked', 'unread', 'archived', 'unarchived', 'snoozed',
    'unsnoozed', 'action_completed', 'action_reverted', 'deleted', 'unsubscribed', 'complained', 'amended', 'audience_added', 'retracted', 'observed',
    'automated_opened', 'automated_clicked', 'failed_permanently', 'is_read', 'is_archived', 'is_snoozed', 'is_sole', 'is_single'
);

CREATE MACRO mark_of(name) AS 1::BIGINT << enum_code(name::mark);
CREATE MACRO marked(marks, name) AS (marks & (1::BIGINT << enum_code(name::mark))) <> 0;
CREATE MACRO downward_marks() AS
    mark_of('fired') | mark_of('cancelled') | mark_of('expired') | mark_of('failed') | mark_of('failed_permanently');
CREATE MACRO seen_marks() AS
    mark_of('seen') | mark_of('opened') | mark_of('clicked') | mark_of('read') | mark_of('unread');
CREATE MACRO shelf_of(marks) AS CASE
    WHEN marked(marks, 'deleted') THEN 'deleted'
    WHEN marked(marks, 'is_archived') THEN 'archived'
    WHEN marked(marks, 'is_snoozed') THEN 'snoozed'
    ELSE 'inbox'
END;
-- Of several events the latest is the one with the largest recency (infra/guides/fold.md, section 1). A clock that runs
-- ahead pins nothing, since no event is later than the log took it. No argument may be null: DuckDB takes a row with a
-- null for the largest.
CREATE MACRO effective_at(occurred_at, recorded_at) AS least(occurred_at, recorded_at);
CREATE MACRO recency(occurred_at, recorded_at, event_id) AS
    row(effective_at(occurred_at, recorded_at), occurred_at, event_id);
-- Where an amended stands that speaks of a field, by a value or by clearing it; arg_max passes over all others.
CREATE MACRO spoken_of(field, name, cleared, place) AS
    CASE WHEN field IS NOT NULL OR list_contains(cleared, name) THEN place END;
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

CREATE TABLE notification_rows (
    touched_in INTEGER NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    listed_at TIMESTAMPTZ,
    marks BIGINT NOT NULL
);
COMMENT ON TABLE notification_rows IS 'Grain: notification. Query the view notifications.';

CREATE TABLE inbox_entry_rows (
    touched_in INTEGER NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR NOT NULL,
    listed_at TIMESTAMPTZ,
    marks BIGINT NOT NULL,
    snoozed_until TIMESTAMPTZ
);
COMMENT ON TABLE inbox_entry_rows IS 'Grain: inbox entry. Query the view inbox_entries.';

CREATE TABLE delivery_rows (
    touched_in INTEGER NOT NULL,
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    delivery_ref VARCHAR NOT NULL,
    listed_at TIMESTAMPTZ,
    marks BIGINT NOT NULL,
    snoozed_until TIMESTAMPTZ
);
COMMENT ON TABLE delivery_rows IS 'Grain: delivery. Query the view deliveries.';

CREATE TABLE recipient_count_rows (
    recipient_key UBIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    recipient_id VARCHAR NOT NULL,
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
    source VARCHAR,
    actor VARCHAR,
    creator STRUCT ("type" VARCHAR, "id" VARCHAR),
    parent_notification_id UUID,
    external_id VARCHAR,
    "number" BIGINT,
    attributes VARCHAR,
    audience STRUCT ("recipient_id" VARCHAR, "role" VARCHAR, "channels" VARCHAR[])[],
    channels VARCHAR[],
    groups STRUCT ("type" VARCHAR, "id" VARCHAR, "reference" VARCHAR)[],
    "type" VARCHAR,
    category VARCHAR,
    "action" VARCHAR,
    reason VARCHAR,
    priority VARCHAR,
    severity VARCHAR,
    subject STRUCT ("type" VARCHAR, "id" VARCHAR, "status" VARCHAR),
    "template" STRUCT ("id" VARCHAR, "name" VARCHAR, "version" VARCHAR),
    schedule STRUCT ("id" VARCHAR, "name" VARCHAR, "local_time" VARCHAR, "time_zone" VARCHAR, "recurrence" VARCHAR),
    scheduled_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    digest STRUCT ("key" VARCHAR, "merged_into" VARCHAR),
    tags VARCHAR[],
    contexts VARCHAR[],
    personal STRUCT (
        title VARCHAR,
        body VARCHAR,
        body_formatted VARCHAR,
        link VARCHAR,
        "data" VARCHAR,
        addresses VARCHAR,
        detail VARCHAR,
        subject_name VARCHAR,
        creator_name VARCHAR,
        creator_address VARCHAR
    ),
    personal_key_id VARCHAR
);
COMMENT ON TABLE content_rows IS 'What a notification says: per field, the value of its latest amended that speaks of it, else that of its earliest created that has one.';
COMMENT ON COLUMN content_rows."number" IS 'Integer id: what its first created states or else, of its first copy in the log, offset x partitions + partition.';
COMMENT ON COLUMN content_rows.audience IS 'Members that created names, then those that each audience_added adds, each recipient once.';
COMMENT ON COLUMN content_rows.personal IS 'Personal data; everything outside this column is safe to keep for ever.';
