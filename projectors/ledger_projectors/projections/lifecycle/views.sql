CREATE OR REPLACE VIEW events AS
SELECT
    d.tenant_id,
    d.notification_id,
    e.event_id,
    e.kind::VARCHAR AS kind,
    e.occurred_at,
    e.recorded_at,
    e.log_partition,
    e.log_offset,
    e.recipient_id,
    e.channel,
    e.delivery_ref,
    e.attempt_id,
    e.source,
    e.actor,
    e.correlation_id,
    e.causation_id,
    e.provider,
    e.automated,
    e.permanent,
    e.snoozed_until,
    e.retracted_event_id,
    e.action_type,
    e.audience,
    coalesce(said.personal, more.personal) AS personal,
    coalesce(said.personal_key_id, more.personal_key_id) AS personal_key_id,
    coalesce(said.attributes, more.attributes) AS attributes,
    coalesce(said.reason, more.reason) AS reason,
    said.* EXCLUDE (log_partition, log_offset, personal, personal_key_id, attributes, reason),
    more.* EXCLUDE (log_partition, log_offset, personal, personal_key_id, attributes, reason)
FROM event_rows AS e
INNER JOIN directory AS d ON d.n = e.n
LEFT JOIN event_contents AS said
    ON said.log_partition = e.log_partition
    AND said.log_offset = e.log_offset
LEFT JOIN event_details AS more
    ON more.log_partition = e.log_partition
    AND more.log_offset = e.log_offset;
COMMENT ON VIEW events IS 'History: every event that was applied, once, as it was recorded. Columns of other kinds are null. Grain: event.';


CREATE OR REPLACE VIEW history AS
SELECT events.*, e.kind <> 'retracted' AND EXISTS (FROM retractions t WHERE t.n = e.n AND t.event_id = e.event_id) AS is_retracted
FROM events
INNER JOIN event_rows AS e USING (log_partition, log_offset);

CREATE OR REPLACE VIEW notifications AS SELECT r.tenant_id, r.notification_id, r.listed_at,
    fact_of(r.facts, 'created').first_at AS first_created_at,
    fact_of(r.facts, 'created').last_at AS last_created_at,
    coalesce(fact_of(r.facts, 'created')."count", 0)::BIGINT AS created_count,
    fact_of(r.facts, 'amended').first_at AS first_amended_at,
    fact_of(r.facts, 'amended').last_at AS last_amended_at,
    coalesce(fact_of(r.facts, 'amended')."count", 0)::BIGINT AS amended_count,
    fact_of(r.facts, 'audience_added').first_at AS first_audience_added_at,
    fact_of(r.facts, 'audience_added').last_at AS last_audience_added_at,
    coalesce(fact_of(r.facts, 'audience_added')."count", 0)::BIGINT AS audience_added_count,
    fact_of(r.facts, 'retracted').first_at AS first_retracted_at,
    fact_of(r.facts, 'retracted').last_at AS last_retracted_at,
    coalesce(fact_of(r.facts, 'retracted')."count", 0)::BIGINT AS retracted_count,
    fact_of(r.facts, 'fired').first_at AS first_fired_at,
    fact_of(r.facts, 'fired').last_at AS last_fired_at,
    coalesce(fact_of(r.facts, 'fired')."count", 0)::BIGINT AS fired_count,
    fact_of(r.facts, 'attempted').first_at AS first_attempted_at,
    fact_of(r.facts, 'attempted').last_at AS last_attempted_at,
    coalesce(fact_of(r.facts, 'attempted')."count", 0)::BIGINT AS attempted_count,
    fact_of(r.facts, 'deferred').first_at AS first_deferred_at,
    fact_of(r.facts, 'deferred').last_at AS last_deferred_at,
    coalesce(fact_of(r.facts, 'deferred')."count", 0)::BIGINT AS deferred_count,
    fact_of(r.facts, 'delivered').first_at AS first_delivered_at,
    fact_of(r.facts, 'delivered').last_at AS last_delivered_at,
    coalesce(fact_of(r.facts, 'delivered')."count", 0)::BIGINT AS delivered_count,
    fact_of(r.facts, 'failed').first_at AS first_failed_at,
    fact_of(r.facts, 'failed').last_at AS last_failed_at,
    coalesce(fact_of(r.facts, 'failed')."count", 0)::BIGINT AS failed_count,
    fact_of(r.facts, 'cancelled').first_at AS first_cancelled_at,
    fact_of(r.facts, 'cancelled').last_at AS last_cancelled_at,
    coalesce(fact_of(r.facts, 'cancelled')."count", 0)::BIGINT AS cancelled_count,
    fact_of(r.facts, 'expired').first_at AS first_expired_at,
    fact_of(r.facts, 'expired').last_at AS last_expired_at,
    coalesce(fact_of(r.facts, 'expired')."count", 0)::BIGINT AS expired_count,
    fact_of(r.facts, 'seen').first_at AS first_seen_at,
    fact_of(r.facts, 'seen').last_at AS last_seen_at,
    coalesce(fact_of(r.facts, 'seen')."count", 0)::BIGINT AS seen_count,
    fact_of(r.facts, 'opened').first_at AS first_opened_at,
    fact_of(r.facts, 'opened').last_at AS last_opened_at,
    coalesce(fact_of(r.facts, 'opened')."count", 0)::BIGINT AS opened_count,
    fact_of(r.facts, 'automated_opened').first_at AS first_automated_opened_at,
    fact_of(r.facts, 'automated_opened').last_at AS last_automated_opened_at,
    coalesce(fact_of(r.facts, 'automated_opened')."count", 0)::BIGINT AS automated_opened_count,
    fact_of(r.facts, 'clicked').first_at AS first_clicked_at,
    fact_of(r.facts, 'clicked').last_at AS last_clicked_at,
    coalesce(fact_of(r.facts, 'clicked')."count", 0)::BIGINT AS clicked_count,
    fact_of(r.facts, 'automated_clicked').first_at AS first_automated_clicked_at,
    fact_of(r.facts, 'automated_clicked').last_at AS last_automated_clicked_at,
    coalesce(fact_of(r.facts, 'automated_clicked')."count", 0)::BIGINT AS automated_clicked_count,
    fact_of(r.facts, 'read').first_at AS first_read_at,
    fact_of(r.facts, 'read').last_at AS last_read_at,
    coalesce(fact_of(r.facts, 'read')."count", 0)::BIGINT AS read_count,
    fact_of(r.facts, 'unread').first_at AS first_unread_at,
    fact_of(r.facts, 'unread').last_at AS last_unread_at,
    coalesce(fact_of(r.facts, 'unread')."count", 0)::BIGINT AS unread_count,
    fact_of(r.facts, 'acknowledged').first_at AS first_acknowledged_at,
    fact_of(r.facts, 'acknowledged').last_at AS last_acknowledged_at,
    coalesce(fact_of(r.facts, 'acknowledged')."count", 0)::BIGINT AS acknowledged_count,
    fact_of(r.facts, 'archived').first_at AS first_archived_at,
    fact_of(r.facts, 'archived').last_at AS last_archived_at,
    coalesce(fact_of(r.facts, 'archived')."count", 0)::BIGINT AS archived_count,
    fact_of(r.facts, 'unarchived').first_at AS first_unarchived_at,
    fact_of(r.facts, 'unarchived').last_at AS last_unarchived_at,
    coalesce(fact_of(r.facts, 'unarchived')."count", 0)::BIGINT AS unarchived_count,
    fact_of(r.facts, 'snoozed').first_at AS first_snoozed_at,
    fact_of(r.facts, 'snoozed').last_at AS last_snoozed_at,
    coalesce(fact_of(r.facts, 'snoozed')."count", 0)::BIGINT AS snoozed_count,
    fact_of(r.facts, 'unsnoozed').first_at AS first_unsnoozed_at,
    fact_of(r.facts, 'unsnoozed').last_at AS last_unsnoozed_at,
    coalesce(fact_of(r.facts, 'unsnoozed')."count", 0)::BIGINT AS unsnoozed_count,
    fact_of(r.facts, 'action_completed').first_at AS first_action_completed_at,
    fact_of(r.facts, 'action_completed').last_at AS last_action_completed_at,
    coalesce(fact_of(r.facts, 'action_completed')."count", 0)::BIGINT AS action_completed_count,
    fact_of(r.facts, 'action_reverted').first_at AS first_action_reverted_at,
    fact_of(r.facts, 'action_reverted').last_at AS last_action_reverted_at,
    coalesce(fact_of(r.facts, 'action_reverted')."count", 0)::BIGINT AS action_reverted_count,
    fact_of(r.facts, 'deleted').first_at AS first_deleted_at,
    fact_of(r.facts, 'deleted').last_at AS last_deleted_at,
    coalesce(fact_of(r.facts, 'deleted')."count", 0)::BIGINT AS deleted_count,
    fact_of(r.facts, 'unsubscribed').first_at AS first_unsubscribed_at,
    fact_of(r.facts, 'unsubscribed').last_at AS last_unsubscribed_at,
    coalesce(fact_of(r.facts, 'unsubscribed')."count", 0)::BIGINT AS unsubscribed_count,
    fact_of(r.facts, 'complained').first_at AS first_complained_at,
    fact_of(r.facts, 'complained').last_at AS last_complained_at,
    coalesce(fact_of(r.facts, 'complained')."count", 0)::BIGINT AS complained_count,
r.failed_permanently, r.deliveries::BIGINT AS deliveries, list_sort(list_distinct(list_concat(r.channels, c.channels))) AS channels, r.recipients,
    r.recipients_fired,
    r.recipients_delivered,
    r.recipients_failed,
    r.recipients_cancelled,
    r.recipients_expired,
    r.recipients_seen,
    r.recipients_opened,
    r.recipients_clicked,
    r.recipients_read,
    r.recipients_acknowledged,
    r.recipients_archived,
    r.recipients_snoozed,
    r.recipients_deleted
FROM notification_rows AS r LEFT JOIN content_rows c ON c.n = r.n WHERE len(r.facts) > 0 ;
CREATE OR REPLACE VIEW inbox_entries AS SELECT r.tenant_id, r.notification_id, r.recipient_id, inbox_entry_id_of(r.tenant_id, r.notification_id, r.recipient_id) AS inbox_entry_id, r.listed_at,
    fact_of(r.facts, 'fired').first_at AS first_fired_at,
    fact_of(r.facts, 'fired').last_at AS last_fired_at,
    coalesce(fact_of(r.facts, 'fired')."count", 0)::BIGINT AS fired_count,
    fact_of(r.facts, 'attempted').first_at AS first_attempted_at,
    fact_of(r.facts, 'attempted').last_at AS last_attempted_at,
    coalesce(fact_of(r.facts, 'attempted')."count", 0)::BIGINT AS attempted_count,
    fact_of(r.facts, 'deferred').first_at AS first_deferred_at,
    fact_of(r.facts, 'deferred').last_at AS last_deferred_at,
    coalesce(fact_of(r.facts, 'deferred')."count", 0)::BIGINT AS deferred_count,
    fact_of(r.facts, 'delivered').first_at AS first_delivered_at,
    fact_of(r.facts, 'delivered').last_at AS last_delivered_at,
    coalesce(fact_of(r.facts, 'delivered')."count", 0)::BIGINT AS delivered_count,
    fact_of(r.facts, 'failed').first_at AS first_failed_at,
    fact_of(r.facts, 'failed').last_at AS last_failed_at,
    coalesce(fact_of(r.facts, 'failed')."count", 0)::BIGINT AS failed_count,
    fact_of(r.facts, 'cancelled').first_at AS first_cancelled_at,
    fact_of(r.facts, 'cancelled').last_at AS last_cancelled_at,
    coalesce(fact_of(r.facts, 'cancelled')."count", 0)::BIGINT AS cancelled_count,
    fact_of(r.facts, 'expired').first_at AS first_expired_at,
    fact_of(r.facts, 'expired').last_at AS last_expired_at,
    coalesce(fact_of(r.facts, 'expired')."count", 0)::BIGINT AS expired_count,
    fact_of(r.facts, 'seen').first_at AS first_seen_at,
    fact_of(r.facts, 'seen').last_at AS last_seen_at,
    coalesce(fact_of(r.facts, 'seen')."count", 0)::BIGINT AS seen_count,
    fact_of(r.facts, 'opened').first_at AS first_opened_at,
    fact_of(r.facts, 'opened').last_at AS last_opened_at,
    coalesce(fact_of(r.facts, 'opened')."count", 0)::BIGINT AS opened_count,
    fact_of(r.facts, 'automated_opened').first_at AS first_automated_opened_at,
    fact_of(r.facts, 'automated_opened').last_at AS last_automated_opened_at,
    coalesce(fact_of(r.facts, 'automated_opened')."count", 0)::BIGINT AS automated_opened_count,
    fact_of(r.facts, 'clicked').first_at AS first_clicked_at,
    fact_of(r.facts, 'clicked').last_at AS last_clicked_at,
    coalesce(fact_of(r.facts, 'clicked')."count", 0)::BIGINT AS clicked_count,
    fact_of(r.facts, 'automated_clicked').first_at AS first_automated_clicked_at,
    fact_of(r.facts, 'automated_clicked').last_at AS last_automated_clicked_at,
    coalesce(fact_of(r.facts, 'automated_clicked')."count", 0)::BIGINT AS automated_clicked_count,
    fact_of(r.facts, 'read').first_at AS first_read_at,
    fact_of(r.facts, 'read').last_at AS last_read_at,
    coalesce(fact_of(r.facts, 'read')."count", 0)::BIGINT AS read_count,
    fact_of(r.facts, 'unread').first_at AS first_unread_at,
    fact_of(r.facts, 'unread').last_at AS last_unread_at,
    coalesce(fact_of(r.facts, 'unread')."count", 0)::BIGINT AS unread_count,
    fact_of(r.facts, 'acknowledged').first_at AS first_acknowledged_at,
    fact_of(r.facts, 'acknowledged').last_at AS last_acknowledged_at,
    coalesce(fact_of(r.facts, 'acknowledged')."count", 0)::BIGINT AS acknowledged_count,
    fact_of(r.facts, 'archived').first_at AS first_archived_at,
    fact_of(r.facts, 'archived').last_at AS last_archived_at,
    coalesce(fact_of(r.facts, 'archived')."count", 0)::BIGINT AS archived_count,
    fact_of(r.facts, 'unarchived').first_at AS first_unarchived_at,
    fact_of(r.facts, 'unarchived').last_at AS last_unarchived_at,
    coalesce(fact_of(r.facts, 'unarchived')."count", 0)::BIGINT AS unarchived_count,
    fact_of(r.facts, 'snoozed').first_at AS first_snoozed_at,
    fact_of(r.facts, 'snoozed').last_at AS last_snoozed_at,
    coalesce(fact_of(r.facts, 'snoozed')."count", 0)::BIGINT AS snoozed_count,
    fact_of(r.facts, 'unsnoozed').first_at AS first_unsnoozed_at,
    fact_of(r.facts, 'unsnoozed').last_at AS last_unsnoozed_at,
    coalesce(fact_of(r.facts, 'unsnoozed')."count", 0)::BIGINT AS unsnoozed_count,
    fact_of(r.facts, 'action_completed').first_at AS first_action_completed_at,
    fact_of(r.facts, 'action_completed').last_at AS last_action_completed_at,
    coalesce(fact_of(r.facts, 'action_completed')."count", 0)::BIGINT AS action_completed_count,
    fact_of(r.facts, 'action_reverted').first_at AS first_action_reverted_at,
    fact_of(r.facts, 'action_reverted').last_at AS last_action_reverted_at,
    coalesce(fact_of(r.facts, 'action_reverted')."count", 0)::BIGINT AS action_reverted_count,
    fact_of(r.facts, 'deleted').first_at AS first_deleted_at,
    fact_of(r.facts, 'deleted').last_at AS last_deleted_at,
    coalesce(fact_of(r.facts, 'deleted')."count", 0)::BIGINT AS deleted_count,
    fact_of(r.facts, 'unsubscribed').first_at AS first_unsubscribed_at,
    fact_of(r.facts, 'unsubscribed').last_at AS last_unsubscribed_at,
    coalesce(fact_of(r.facts, 'unsubscribed')."count", 0)::BIGINT AS unsubscribed_count,
    fact_of(r.facts, 'complained').first_at AS first_complained_at,
    fact_of(r.facts, 'complained').last_at AS last_complained_at,
    coalesce(fact_of(r.facts, 'complained')."count", 0)::BIGINT AS complained_count,
    r.failed_permanently, r.is_seen, r.is_read, r.is_archived, r.is_snoozed, r.snoozed_until, r.is_deleted, r.deliveries, r.channels FROM inbox_entry_rows r;
CREATE OR REPLACE VIEW deliveries AS SELECT r.tenant_id, r.notification_id, r.recipient_id, r.channel, r.delivery_ref, r.listed_at,
    fact_of(r.facts, 'fired').first_at AS first_fired_at,
    fact_of(r.facts, 'fired').last_at AS last_fired_at,
    coalesce(fact_of(r.facts, 'fired')."count", 0)::BIGINT AS fired_count,
    fact_of(r.facts, 'attempted').first_at AS first_attempted_at,
    fact_of(r.facts, 'attempted').last_at AS last_attempted_at,
    coalesce(fact_of(r.facts, 'attempted')."count", 0)::BIGINT AS attempted_count,
    fact_of(r.facts, 'deferred').first_at AS first_deferred_at,
    fact_of(r.facts, 'deferred').last_at AS last_deferred_at,
    coalesce(fact_of(r.facts, 'deferred')."count", 0)::BIGINT AS deferred_count,
    fact_of(r.facts, 'delivered').first_at AS first_delivered_at,
    fact_of(r.facts, 'delivered').last_at AS last_delivered_at,
    coalesce(fact_of(r.facts, 'delivered')."count", 0)::BIGINT AS delivered_count,
    fact_of(r.facts, 'failed').first_at AS first_failed_at,
    fact_of(r.facts, 'failed').last_at AS last_failed_at,
    coalesce(fact_of(r.facts, 'failed')."count", 0)::BIGINT AS failed_count,
    fact_of(r.facts, 'cancelled').first_at AS first_cancelled_at,
    fact_of(r.facts, 'cancelled').last_at AS last_cancelled_at,
    coalesce(fact_of(r.facts, 'cancelled')."count", 0)::BIGINT AS cancelled_count,
    fact_of(r.facts, 'expired').first_at AS first_expired_at,
    fact_of(r.facts, 'expired').last_at AS last_expired_at,
    coalesce(fact_of(r.facts, 'expired')."count", 0)::BIGINT AS expired_count,
    fact_of(r.facts, 'seen').first_at AS first_seen_at,
    fact_of(r.facts, 'seen').last_at AS last_seen_at,
    coalesce(fact_of(r.facts, 'seen')."count", 0)::BIGINT AS seen_count,
    fact_of(r.facts, 'opened').first_at AS first_opened_at,
    fact_of(r.facts, 'opened').last_at AS last_opened_at,
    coalesce(fact_of(r.facts, 'opened')."count", 0)::BIGINT AS opened_count,
    fact_of(r.facts, 'automated_opened').first_at AS first_automated_opened_at,
    fact_of(r.facts, 'automated_opened').last_at AS last_automated_opened_at,
    coalesce(fact_of(r.facts, 'automated_opened')."count", 0)::BIGINT AS automated_opened_count,
    fact_of(r.facts, 'clicked').first_at AS first_clicked_at,
    fact_of(r.facts, 'clicked').last_at AS last_clicked_at,
    coalesce(fact_of(r.facts, 'clicked')."count", 0)::BIGINT AS clicked_count,
    fact_of(r.facts, 'automated_clicked').first_at AS first_automated_clicked_at,
    fact_of(r.facts, 'automated_clicked').last_at AS last_automated_clicked_at,
    coalesce(fact_of(r.facts, 'automated_clicked')."count", 0)::BIGINT AS automated_clicked_count,
    fact_of(r.facts, 'read').first_at AS first_read_at,
    fact_of(r.facts, 'read').last_at AS last_read_at,
    coalesce(fact_of(r.facts, 'read')."count", 0)::BIGINT AS read_count,
    fact_of(r.facts, 'unread').first_at AS first_unread_at,
    fact_of(r.facts, 'unread').last_at AS last_unread_at,
    coalesce(fact_of(r.facts, 'unread')."count", 0)::BIGINT AS unread_count,
    fact_of(r.facts, 'acknowledged').first_at AS first_acknowledged_at,
    fact_of(r.facts, 'acknowledged').last_at AS last_acknowledged_at,
    coalesce(fact_of(r.facts, 'acknowledged')."count", 0)::BIGINT AS acknowledged_count,
    fact_of(r.facts, 'archived').first_at AS first_archived_at,
    fact_of(r.facts, 'archived').last_at AS last_archived_at,
    coalesce(fact_of(r.facts, 'archived')."count", 0)::BIGINT AS archived_count,
    fact_of(r.facts, 'unarchived').first_at AS first_unarchived_at,
    fact_of(r.facts, 'unarchived').last_at AS last_unarchived_at,
    coalesce(fact_of(r.facts, 'unarchived')."count", 0)::BIGINT AS unarchived_count,
    fact_of(r.facts, 'snoozed').first_at AS first_snoozed_at,
    fact_of(r.facts, 'snoozed').last_at AS last_snoozed_at,
    coalesce(fact_of(r.facts, 'snoozed')."count", 0)::BIGINT AS snoozed_count,
    fact_of(r.facts, 'unsnoozed').first_at AS first_unsnoozed_at,
    fact_of(r.facts, 'unsnoozed').last_at AS last_unsnoozed_at,
    coalesce(fact_of(r.facts, 'unsnoozed')."count", 0)::BIGINT AS unsnoozed_count,
    fact_of(r.facts, 'action_completed').first_at AS first_action_completed_at,
    fact_of(r.facts, 'action_completed').last_at AS last_action_completed_at,
    coalesce(fact_of(r.facts, 'action_completed')."count", 0)::BIGINT AS action_completed_count,
    fact_of(r.facts, 'action_reverted').first_at AS first_action_reverted_at,
    fact_of(r.facts, 'action_reverted').last_at AS last_action_reverted_at,
    coalesce(fact_of(r.facts, 'action_reverted')."count", 0)::BIGINT AS action_reverted_count,
    fact_of(r.facts, 'deleted').first_at AS first_deleted_at,
    fact_of(r.facts, 'deleted').last_at AS last_deleted_at,
    coalesce(fact_of(r.facts, 'deleted')."count", 0)::BIGINT AS deleted_count,
    fact_of(r.facts, 'unsubscribed').first_at AS first_unsubscribed_at,
    fact_of(r.facts, 'unsubscribed').last_at AS last_unsubscribed_at,
    coalesce(fact_of(r.facts, 'unsubscribed')."count", 0)::BIGINT AS unsubscribed_count,
    fact_of(r.facts, 'complained').first_at AS first_complained_at,
    fact_of(r.facts, 'complained').last_at AS last_complained_at,
    coalesce(fact_of(r.facts, 'complained')."count", 0)::BIGINT AS complained_count,
    r.failed_permanently, r.is_seen, r.is_read, r.is_archived, r.is_snoozed, r.snoozed_until, r.is_deleted FROM delivery_rows r;
CREATE OR REPLACE VIEW contents AS
SELECT * EXCLUDE (n)
FROM content_rows;
COMMENT ON VIEW contents IS 'What a notification says: per field, the value of its latest amended that speaks of it, else that of its earliest created that has one.';

CREATE OR REPLACE VIEW recipient_counts AS
SELECT * EXCLUDE (recipient_key)
FROM recipient_count_rows;
COMMENT ON VIEW recipient_counts IS 'How many listed inbox entries each recipient has, by shelf (deleted, else archived, else snoozed, else inbox), kept with the rows: a badge is a look-up.';

CREATE OR REPLACE VIEW facts AS
WITH heard AS (
    SELECT
        n,
        event_id,
        CASE WHEN kind <> 'retracted' THEN coalesce(recipient_id, '') ELSE '' END AS recipient_id,
        CASE WHEN kind <> 'retracted' THEN coalesce(channel, '') ELSE '' END AS channel,
        CASE WHEN kind <> 'retracted' THEN coalesce(delivery_ref, '') ELSE '' END AS delivery_ref,
        CASE
            WHEN kind = 'opened' AND automated THEN ['automated_opened']
            WHEN kind = 'clicked' AND automated THEN ['automated_clicked']
            WHEN kind = 'failed' AND permanent THEN ['failed', 'failed_permanently']
            ELSE [kind::VARCHAR]
        END AS said,
        occurred_at,
        effective_at(occurred_at, recorded_at) AS effective_at,
        recency(occurred_at, recorded_at, event_id) AS recency,
        snoozed_until,
        audience
    FROM event_rows
    ANTI JOIN (SELECT n, event_id, true AS taken_back FROM retractions) AS t ON t.n = event_rows.n AND t.event_id = event_rows.event_id AND event_rows.kind <> 'retracted'
    WHERE kind <> 'observed'
),
members AS (
    SELECT n, unnest(audience) AS member
    FROM heard
    WHERE audience IS NOT NULL
),
stated AS (
    SELECT
        n, recipient_id, channel, delivery_ref, unnest(said) AS fact,
        occurred_at, effective_at, recency, event_id, snoozed_until
    FROM heard
    UNION ALL BY NAME
    SELECT
        n,
        member.recipient_id AS recipient_id,
        unnest(list_prepend('', member.channels)) AS channel,
        '' AS delivery_ref,
        'declared' AS fact
    FROM members
)
SELECT
    d.tenant_id,
    d.notification_id,
    s.recipient_id,
    s.channel,
    s.delivery_ref,
    s.fact,
    min(s.occurred_at) AS first_at,
    max(s.occurred_at) AS last_at,
    count(s.event_id) AS event_count,
    min(s.effective_at) AS known_at,
    max(s.effective_at) AS latest_at,
    arg_max(s.event_id, s.recency) AS latest_event_id,
    arg_max_null(s.snoozed_until, s.recency) FILTER (s.fact = 'snoozed') AS latest_snoozed_until
FROM stated AS s
INNER JOIN directory AS d USING (n)
GROUP BY ALL;
COMMENT ON VIEW facts IS 'What events said, by the grain whose fields they carried (an empty text: not carried), one row per grain key and fact.';

CREATE OR REPLACE VIEW notification_status AS
SELECT
    n.tenant_id,
    n.notification_id,
    n.listed_at,
    CASE
        WHEN n.deleted_count > 0 AND n.recipients_deleted = n.recipients THEN 'deleted'
        WHEN n.recipients > 0 AND n.recipients_acknowledged = n.recipients THEN 'acknowledged'
        WHEN n.recipients > 0 AND n.recipients_read = n.recipients THEN 'read'
        WHEN n.clicked_count > 0 THEN 'clicked'
        WHEN n.opened_count > 0 THEN 'opened'
        WHEN n.seen_count > 0 THEN 'seen'
        WHEN n.delivered_count > 0 THEN 'delivered'
        WHEN n.cancelled_count > 0 AND n.recipients_cancelled = n.recipients THEN 'cancelled'
        WHEN n.expired_count > 0 AND n.recipients_expired = n.recipients THEN 'expired'
        WHEN n.failed_permanently THEN 'failed'
        WHEN n.deferred_count > 0 THEN 'deferred'
        WHEN n.fired_count > 0 THEN 'fired'
        WHEN n.attempted_count > 0 THEN 'attempted'
        WHEN n.created_count > 0 THEN 'created'
        ELSE 'awaiting_created'
    END AS status,
    n.recipients,
    n.recipients_delivered,
    n.recipients_read,
    n.recipients_acknowledged,
    n.channels,
    c."type",
    c.category,
    c.priority,
    c.severity,
    c.source,
    c.external_id,
    c."number",
    c.personal.title AS title
FROM notifications AS n
LEFT JOIN contents AS c USING (tenant_id, notification_id);
COMMENT ON VIEW notification_status IS 'One row per notification with its present status: the furthest fact that all (deleted, acknowledged, read, cancelled, expired) or any (clicked, opened, seen, delivered, deferred, fired, attempted) of its recipients reached. What nobody is named for counts as all where there are no recipients.';

CREATE OR REPLACE VIEW unread_by_recipient AS
SELECT tenant_id, recipient_id, total AS inbox_entries, unread, unseen, unacknowledged
FROM recipient_counts
WHERE shelf = 'inbox';
COMMENT ON VIEW unread_by_recipient IS 'The badge of each recipient: entries that are not deleted, archived or snoozed. Grain: recipient.';

CREATE OR REPLACE VIEW channel_outcomes AS
SELECT
    tenant_id,
    channel,
    count(*) AS deliveries,
    count(CASE WHEN fired_count > 0 THEN 1 END) AS fired,
    count(CASE WHEN deferred_count > 0 THEN 1 END) AS deferred,
    count(CASE WHEN delivered_count > 0 THEN 1 END) AS delivered,
    count(CASE WHEN opened_count > 0 THEN 1 END) AS opened,
    count(CASE WHEN opened_count = 0 AND automated_opened_count > 0 THEN 1 END) AS opened_by_machines_only,
    count(CASE WHEN clicked_count > 0 THEN 1 END) AS clicked,
    count(CASE WHEN clicked_count = 0 AND automated_clicked_count > 0 THEN 1 END) AS clicked_by_machines_only,
    count(CASE WHEN failed_count > 0 THEN 1 END) AS failed,
    count(CASE WHEN failed_permanently THEN 1 END) AS failed_permanently,
    count(CASE WHEN cancelled_count > 0 THEN 1 END) AS cancelled,
    count(CASE WHEN expired_count > 0 THEN 1 END) AS expired,
    count(CASE WHEN unsubscribed_count > 0 THEN 1 END) AS unsubscribed,
    count(CASE WHEN complained_count > 0 THEN 1 END) AS complained
FROM deliveries
WHERE listed_at IS NOT NULL
GROUP BY tenant_id, channel;
COMMENT ON VIEW channel_outcomes IS 'What became of deliveries, by channel. Grain: delivery.';

CREATE OR REPLACE VIEW actions AS
SELECT
    tenant_id,
    notification_id,
    recipient_id,
    action_type,
    arg_max(kind, recency(occurred_at, recorded_at, event_id)) = 'action_completed' AS is_completed,
    min(CASE WHEN kind = 'action_completed' THEN occurred_at END) AS first_completed_at,
    max(CASE WHEN kind = 'action_completed' THEN occurred_at END) AS last_completed_at,
    max(CASE WHEN kind = 'action_reverted' THEN occurred_at END) AS last_reverted_at
FROM history
WHERE kind IN ('action_completed', 'action_reverted') AND NOT is_retracted
GROUP BY tenant_id, notification_id, recipient_id, action_type;
COMMENT ON VIEW actions IS 'What became of each action that a notification offers: whether the latest of its completed and reverted events is a completed. One row per recipient (null: none was named) and action_type, as the events state them.';
