-- What every read model file holds beside its projections: history, positions, and what could not be applied.

CREATE TABLE events (
    tenant_id VARCHAR NOT NULL,
    notification_id UUID NOT NULL,
    event_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    recipient_id VARCHAR,
    channel VARCHAR,
    delivery_ref VARCHAR,
    attempt_id VARCHAR,
    source VARCHAR NOT NULL,
    actor VARCHAR,
    correlation_id VARCHAR,
    causation_id VARCHAR,
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
    personal_key_id VARCHAR,
    attributes VARCHAR,
    audience STRUCT ("recipient_id" VARCHAR, "role" VARCHAR, "channels" VARCHAR[])[],
    channels VARCHAR[],
    groups STRUCT ("type" VARCHAR, "id" VARCHAR, "reference" VARCHAR)[],
    "type" VARCHAR,
    category VARCHAR,
    "action" VARCHAR,
    reason VARCHAR,
    "priority" VARCHAR,
    severity VARCHAR,
    subject STRUCT ("type" VARCHAR, "id" VARCHAR, "status" VARCHAR),
    creator STRUCT ("type" VARCHAR, "id" VARCHAR),
    template STRUCT ("id" VARCHAR, "name" VARCHAR, "version" VARCHAR),
    schedule STRUCT ("id" VARCHAR, "name" VARCHAR, "local_time" VARCHAR, "time_zone" VARCHAR, "recurrence" VARCHAR),
    scheduled_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    digest STRUCT ("key" VARCHAR, "merged_into" VARCHAR),
    tags VARCHAR[],
    contexts VARCHAR[],
    parent_notification_id UUID,
    external_id VARCHAR,
    "number" BIGINT,
    provider VARCHAR,
    automated BOOLEAN,
    permanent BOOLEAN,
    provider_code VARCHAR,
    status VARCHAR,
    origin VARCHAR,
    retry BOOLEAN,
    test BOOLEAN,
    retry_at TIMESTAMPTZ,
    target VARCHAR,
    snoozed_until TIMESTAMPTZ,
    action_type VARCHAR,
    scope VARCHAR,
    cleared VARCHAR[],
    retracted_event_id UUID,
    provider_event VARCHAR
);
COMMENT ON TABLE events IS 'History: every event that was applied, once, as it was recorded. Columns of other kinds are null.';
COMMENT ON COLUMN events.occurred_at IS 'When the fact was true, by its emitter.';
COMMENT ON COLUMN events.recorded_at IS 'When the log took it (broker append time).';
COMMENT ON COLUMN events.log_offset IS 'Offset of the first copy of the event in its partition of the topic.';
COMMENT ON COLUMN events.personal IS 'Personal data; everything outside this column is safe to keep for ever.';

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
    record_key BLOB,
    record_value BLOB,
    record_headers STRUCT ("name" VARCHAR, "value" BLOB)[]
);
COMMENT ON TABLE quarantine IS 'Records that cannot be applied, kept whole with the reason.';

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
    format_version INTEGER NOT NULL,
    epoch BIGINT NOT NULL
);
COMMENT ON TABLE read_model IS 'One row: the format of this file, and how many writers have opened it.';

CREATE TABLE projections (
    projection VARCHAR NOT NULL,
    "version" INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    views_digest VARCHAR NOT NULL
);
COMMENT ON TABLE projections IS 'Which read models this file holds, by name, version and SHA-256 of their SQL; views are replaced when theirs differs.';
