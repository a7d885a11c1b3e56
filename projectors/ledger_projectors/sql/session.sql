-- What every session of the writer begins with: UTC, and which fields of an event the fold depends on.

SET TimeZone = 'UTC';

-- Events that a release takes out of history, since an earlier copy has turned up; empty in every other batch.
CREATE OR REPLACE TEMP TABLE displaced (
    tenant_id VARCHAR,
    notification_id UUID,
    event_id UUID,
    recorded_at TIMESTAMPTZ,
    log_partition INTEGER,
    log_offset BIGINT,
    by_offset BIGINT
);

CREATE OR REPLACE TEMP MACRO folded(e) AS row(
    e.kind,
    e.occurred_at,
    e.recipient_id,
    e.channel,
    e.delivery_ref,
    e.automated,
    e.permanent,
    e.action_type,
    e.snoozed_until,
    e.retracted_event_id,
    e.audience,
    CASE WHEN e.kind = 'created' THEN row(
        e.source,
        e.actor,
        e.creator,
        e.parent_notification_id,
        e.external_id,
        e."number",
        e.attributes
    ) END,
    CASE WHEN e.kind IN ('created', 'amended') THEN row(
        e.channels,
        e.groups,
        e."type",
        e.category,
        e."action",
        e.reason,
        e.priority,
        e.severity,
        e.subject,
        e."template",
        e.schedule,
        e.scheduled_at,
        e.expires_at,
        e.digest,
        e.tags,
        e.contexts,
        e.cleared,
        e.personal,
        e.personal_key_id
    ) END
);
