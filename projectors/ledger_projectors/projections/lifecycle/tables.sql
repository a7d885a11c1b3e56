-- The read model of the notification lifecycle: what is known, at three grains, and what each notification says.

CREATE TABLE facts (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    delivery_ref VARCHAR NOT NULL,
    fact VARCHAR NOT NULL,
    first_at TIMESTAMPTZ,
    last_at TIMESTAMPTZ,
    event_count BIGINT NOT NULL,
    known_at TIMESTAMPTZ,
    latest_at TIMESTAMPTZ,
    latest_event_id UUID
);
COMMENT ON TABLE facts IS 'What events said, by the grain whose fields they carried (an empty text: not carried), one row per grain key and fact. The three tables below are a function of these rows.';
COMMENT ON COLUMN facts.fact IS 'A kind; or automated_opened; or failed_permanently; or declared: named in the audience of a created.';
COMMENT ON COLUMN facts.known_at IS 'Smallest least(occurred_at, recorded_at).';
COMMENT ON COLUMN facts.latest_at IS 'Largest least(occurred_at, recorded_at), ties broken by event_id: which reversible state holds.';

CREATE TABLE notifications (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    listed_at TIMESTAMPTZ,
    first_created_at TIMESTAMPTZ,
    last_created_at TIMESTAMPTZ,
    created_count BIGINT NOT NULL,
    first_fired_at TIMESTAMPTZ,
    last_fired_at TIMESTAMPTZ,
    fired_count BIGINT NOT NULL,
    first_delivered_at TIMESTAMPTZ,
    last_delivered_at TIMESTAMPTZ,
    delivered_count BIGINT NOT NULL,
    first_opened_at TIMESTAMPTZ,
    last_opened_at TIMESTAMPTZ,
    opened_count BIGINT NOT NULL,
    first_automated_opened_at TIMESTAMPTZ,
    last_automated_opened_at TIMESTAMPTZ,
    automated_opened_count BIGINT NOT NULL,
    first_read_at TIMESTAMPTZ,
    last_read_at TIMESTAMPTZ,
    read_count BIGINT NOT NULL,
    first_unread_at TIMESTAMPTZ,
    last_unread_at TIMESTAMPTZ,
    unread_count BIGINT NOT NULL,
    first_acknowledged_at TIMESTAMPTZ,
    last_acknowledged_at TIMESTAMPTZ,
    acknowledged_count BIGINT NOT NULL,
    first_failed_at TIMESTAMPTZ,
    last_failed_at TIMESTAMPTZ,
    failed_count BIGINT NOT NULL,
    failed_permanently BOOLEAN NOT NULL,
    channels VARCHAR[] NOT NULL,
    recipients BIGINT NOT NULL,
    recipients_delivered BIGINT NOT NULL,
    recipients_opened BIGINT NOT NULL,
    recipients_read BIGINT NOT NULL,
    recipients_acknowledged BIGINT NOT NULL,
    recipients_failed BIGINT NOT NULL,
    deliveries BIGINT NOT NULL
);
COMMENT ON TABLE notifications IS 'Grain: notification. Times and counts of everything below it merged; reversible states as numbers of recipients.';
COMMENT ON COLUMN notifications.listed_at IS 'Smallest least(occurred_at, recorded_at) of its created; null until one arrived: the notification is then not listed yet.';
COMMENT ON COLUMN notifications.recipients_read IS 'Recipients whose inbox entry is read now.';

CREATE TABLE inbox_entries (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR NOT NULL,
    listed_at TIMESTAMPTZ,
    first_fired_at TIMESTAMPTZ,
    last_fired_at TIMESTAMPTZ,
    fired_count BIGINT NOT NULL,
    first_delivered_at TIMESTAMPTZ,
    last_delivered_at TIMESTAMPTZ,
    delivered_count BIGINT NOT NULL,
    first_opened_at TIMESTAMPTZ,
    last_opened_at TIMESTAMPTZ,
    opened_count BIGINT NOT NULL,
    first_automated_opened_at TIMESTAMPTZ,
    last_automated_opened_at TIMESTAMPTZ,
    automated_opened_count BIGINT NOT NULL,
    first_read_at TIMESTAMPTZ,
    last_read_at TIMESTAMPTZ,
    read_count BIGINT NOT NULL,
    first_unread_at TIMESTAMPTZ,
    last_unread_at TIMESTAMPTZ,
    unread_count BIGINT NOT NULL,
    first_acknowledged_at TIMESTAMPTZ,
    last_acknowledged_at TIMESTAMPTZ,
    acknowledged_count BIGINT NOT NULL,
    first_failed_at TIMESTAMPTZ,
    last_failed_at TIMESTAMPTZ,
    failed_count BIGINT NOT NULL,
    failed_permanently BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL,
    channels VARCHAR[] NOT NULL,
    deliveries BIGINT NOT NULL
);
COMMENT ON TABLE inbox_entries IS 'Grain: inbox entry, one notification as one recipient has it.';
COMMENT ON COLUMN inbox_entries.is_read IS 'Whether the latest of its read and unread facts is a read.';

CREATE TABLE deliveries (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    recipient_id VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    delivery_ref VARCHAR NOT NULL,
    listed_at TIMESTAMPTZ,
    first_fired_at TIMESTAMPTZ,
    last_fired_at TIMESTAMPTZ,
    fired_count BIGINT NOT NULL,
    first_delivered_at TIMESTAMPTZ,
    last_delivered_at TIMESTAMPTZ,
    delivered_count BIGINT NOT NULL,
    first_opened_at TIMESTAMPTZ,
    last_opened_at TIMESTAMPTZ,
    opened_count BIGINT NOT NULL,
    first_automated_opened_at TIMESTAMPTZ,
    last_automated_opened_at TIMESTAMPTZ,
    automated_opened_count BIGINT NOT NULL,
    first_read_at TIMESTAMPTZ,
    last_read_at TIMESTAMPTZ,
    read_count BIGINT NOT NULL,
    first_unread_at TIMESTAMPTZ,
    last_unread_at TIMESTAMPTZ,
    unread_count BIGINT NOT NULL,
    first_acknowledged_at TIMESTAMPTZ,
    last_acknowledged_at TIMESTAMPTZ,
    acknowledged_count BIGINT NOT NULL,
    first_failed_at TIMESTAMPTZ,
    last_failed_at TIMESTAMPTZ,
    failed_count BIGINT NOT NULL,
    failed_permanently BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL
);
COMMENT ON TABLE deliveries IS 'Grain: delivery, one inbox entry over one channel; delivery_ref (empty: none) tells apart devices, steps, resends.';

CREATE TABLE contents (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    source VARCHAR,
    actor VARCHAR,
    category VARCHAR,
    "action" VARCHAR,
    priority VARCHAR,
    subject STRUCT ("type" VARCHAR, id VARCHAR, status VARCHAR),
    external_id VARCHAR,
    scheduled_at TIMESTAMPTZ,
    tags VARCHAR[],
    audience STRUCT (recipient_id VARCHAR, "role" VARCHAR, channels VARCHAR[])[],
    personal STRUCT (title VARCHAR, body VARCHAR, data VARCHAR, addresses VARCHAR, detail VARCHAR),
    personal_key_id VARCHAR
);
COMMENT ON TABLE contents IS 'What a notification says: per field, the value of its earliest created that has one.';
