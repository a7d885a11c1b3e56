-- What every read model file holds beside folded rows: history, positions, and what could not be applied.

CREATE TYPE event_kind AS ENUM (/* kinds */);

CREATE TABLE directory (
    n BIGINT NOT NULL,
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL
);
COMMENT ON TABLE directory IS 'Every notification that an event names, and its number in this file, by which its rows belong together. Rows are only added.';

CREATE TABLE event_rows (
    n BIGINT NOT NULL,
    event_id UUID NOT NULL,
    kind event_kind NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    recipient_id VARCHAR,
    channel VARCHAR,
    delivery_ref VARCHAR,
    automated BOOLEAN,
    permanent BOOLEAN,
    snoozed_until TIMESTAMPTZ,
    retracted_event_id UUID,
    action_type VARCHAR,
    audience STRUCT ("recipient_id" VARCHAR, "role" VARCHAR, "channels" VARCHAR[])[],
    source VARCHAR NOT NULL,
    actor VARCHAR,
    attempt_id VARCHAR,
    provider VARCHAR,
    correlation_id VARCHAR,
    causation_id VARCHAR
);
COMMENT ON TABLE event_rows IS 'History: what is folded of every event that was applied, once, in the order in which it came. Rows are only added, but for what a release from quarantine displaces. Query the view events.';

CREATE TABLE retractions (
    n BIGINT NOT NULL,
    event_id UUID NOT NULL
);
COMMENT ON TABLE retractions IS 'The event ids that retracted events name, whether such an event came or not. A retracted itself is never taken back. Rows are only added.';

CREATE TABLE seen_events (
    n BIGINT NOT NULL,
    event_hash UBIGINT NOT NULL
);
COMMENT ON TABLE seen_events IS 'The hashes of the event ids of notifications with many events: more than their row in notification_rows keeps. Rows are only added.';

CREATE TABLE event_contents (
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    /* columns of contents */
);
COMMENT ON TABLE event_contents IS 'What created and amended say, one row for each that says any of it. Query the view events.';

CREATE TABLE event_details (
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    /* columns of details */
);
COMMENT ON TABLE event_details IS 'What else events of the other kinds state, one row for each that states any of it. Query the view events.';

CREATE TABLE duplicates (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    event_id UUID NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL
);
COMMENT ON TABLE duplicates IS 'Further copies of events that were already applied: they changed nothing else.';

CREATE TABLE quarantine (
    log_topic VARCHAR NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    tenant_id VARCHAR,
    record_key BLOB,
    record_value BLOB,
    record_headers STRUCT ("name" VARCHAR, "value" BLOB)[]
);
COMMENT ON TABLE quarantine IS 'Records that cannot be applied, kept whole with the reason. The tenant is that of the event that a record states, null when no event was decoded.';

CREATE TABLE positions (
    log_topic VARCHAR NOT NULL,
    log_partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    last_offset BIGINT,
    last_recorded_at TIMESTAMPTZ,
    last_digest VARCHAR
);
COMMENT ON TABLE positions IS 'Where in the log this file stands; written in the same transaction as the rows. The last_ columns tell which record stands before next_offset.';

CREATE TABLE read_model (
    "version" INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    views_digest VARCHAR NOT NULL,
    directory_digest VARCHAR NOT NULL,
    epoch BIGINT NOT NULL,
    partitions INTEGER NOT NULL,
    directory_topic VARCHAR NOT NULL
);
COMMENT ON TABLE read_model IS 'One row: what made this file and what it is made of.';
COMMENT ON COLUMN read_model."version" IS 'Of what the tables hold; digest is SHA-256 of their definitions and of the fold. A file with another digest is made again from the log.';
COMMENT ON COLUMN read_model.views_digest IS 'Views are replaced where this differs, and where directory_digest does, the directory is read again.';
COMMENT ON COLUMN read_model.epoch IS 'How many writers have opened the file.';
COMMENT ON COLUMN read_model.partitions IS 'Of the lifecycle topic; directory_topic is that of the directory.';
