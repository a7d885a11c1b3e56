-- What every session of the writer begins with: UTC, and which fields of an event the fold depends on.

SET TimeZone = 'UTC';

CREATE OR REPLACE TEMP MACRO folded(e) AS row(
    e.kind,
    e.occurred_at,
    e.recipient_id,
    e.channel,
    e.delivery_ref,
    e.automated,
    e.permanent,
    CASE WHEN e.kind = 'created' THEN row(
        e.source,
        e.actor,
        e.category,
        e."action",
        e.priority,
        e.subject,
        e.external_id,
        e.scheduled_at,
        e.tags,
        e.audience,
        e.personal,
        e.personal_key_id
    ) END
);
