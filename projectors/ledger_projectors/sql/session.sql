-- What every session of the writer begins with: UTC, which fields of an event the fold depends on, and what is empty.

SET TimeZone = 'UTC';

-- Of rows that belong together, only the row groups of their batches are read: so many batches are told apart. Each
-- row group is asked about each of them: with thousands, of batches or of places, asking takes longer than reading.
SET dynamic_or_filter_threshold = 512;

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
    CASE WHEN e.kind = 'created' THEN row(e.source, e.actor) END
);

-- Events that a release takes out of history, since an earlier copy has turned up.
CREATE OR REPLACE TEMP TABLE displaced (
    n BIGINT,
    event_id UUID,
    recorded_at TIMESTAMPTZ,
    log_partition INTEGER,
    log_offset BIGINT,
    written_in INTEGER,
    by_offset BIGINT
);

-- Notifications that are told anew although nothing new was heard of them.
CREATE OR REPLACE TEMP TABLE doubted (n BIGINT);

-- Further copies of events in a batch, and what they are copies of.
CREATE OR REPLACE TEMP TABLE copies (
    n BIGINT,
    event_id UUID,
    kind VARCHAR,
    recorded_at TIMESTAMPTZ,
    log_partition INTEGER,
    log_offset BIGINT,
    original_offset BIGINT,
    written_in INTEGER,
    conflicts BOOLEAN
);
