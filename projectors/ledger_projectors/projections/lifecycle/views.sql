-- What people query: the three grains in full, contents, counts, facts and history; and views for analysts over them.
-- They are policies over the rows and over history: change one without any replay.

-- CASE inside aggregates, not FILTER: with as many of them as here DuckDB 2.0 takes two to four times as long for it.

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
    said.* EXCLUDE (written_in, log_partition, log_offset, personal, personal_key_id, attributes, reason),
    more.* EXCLUDE (written_in, log_partition, log_offset, personal, personal_key_id, attributes, reason)
FROM event_rows AS e
INNER JOIN directory AS d ON d.touched_in = e.touched_in AND d.n = e.n
LEFT JOIN event_contents AS said
    ON said.written_in = e.written_in
    AND said.log_partition = e.log_partition
    AND said.log_offset = e.log_offset
LEFT JOIN event_details AS more
    ON more.written_in = e.written_in
    AND more.log_partition = e.log_partition
    AND more.log_offset = e.log_offset;
COMMENT ON VIEW events IS 'History: every event that was applied, once, as it was recorded. Columns of other kinds are null. Grain: event.';

CREATE OR REPLACE VIEW history AS
SELECT events.*, e.is_retracted
FROM events
INNER JOIN event_rows AS e USING (log_partition, log_offset);
COMMENT ON VIEW history IS 'Every event that was applied, and whether it counts no more because a retracted names it. Grain: event.';

-- What was said of one row, per fact: earliest, latest, how often.

CREATE OR REPLACE MACRO told_of_notification(batch_number, notification_number) AS TABLE
SELECT
    min(CASE WHEN e.kind = 'created' THEN e.occurred_at END) AS first_created_at,
    max(CASE WHEN e.kind = 'created' THEN e.occurred_at END) AS last_created_at,
    count(CASE WHEN e.kind = 'created' THEN 1 END) AS created_count,
    min(CASE WHEN e.kind = 'amended' THEN e.occurred_at END) AS first_amended_at,
    max(CASE WHEN e.kind = 'amended' THEN e.occurred_at END) AS last_amended_at,
    count(CASE WHEN e.kind = 'amended' THEN 1 END) AS amended_count,
    min(CASE WHEN e.kind = 'audience_added' THEN e.occurred_at END) AS first_audience_added_at,
    max(CASE WHEN e.kind = 'audience_added' THEN e.occurred_at END) AS last_audience_added_at,
    count(CASE WHEN e.kind = 'audience_added' THEN 1 END) AS audience_added_count,
    min(CASE WHEN e.kind = 'retracted' THEN e.occurred_at END) AS first_retracted_at,
    max(CASE WHEN e.kind = 'retracted' THEN e.occurred_at END) AS last_retracted_at,
    count(CASE WHEN e.kind = 'retracted' THEN 1 END) AS retracted_count,
    min(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS first_fired_at,
    max(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS last_fired_at,
    count(CASE WHEN e.kind = 'fired' THEN 1 END) AS fired_count,
    min(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS first_attempted_at,
    max(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS last_attempted_at,
    count(CASE WHEN e.kind = 'attempted' THEN 1 END) AS attempted_count,
    min(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS first_deferred_at,
    max(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS last_deferred_at,
    count(CASE WHEN e.kind = 'deferred' THEN 1 END) AS deferred_count,
    min(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS first_delivered_at,
    max(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS last_delivered_at,
    count(CASE WHEN e.kind = 'delivered' THEN 1 END) AS delivered_count,
    min(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS first_failed_at,
    max(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS last_failed_at,
    count(CASE WHEN e.kind = 'failed' THEN 1 END) AS failed_count,
    min(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS first_cancelled_at,
    max(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS last_cancelled_at,
    count(CASE WHEN e.kind = 'cancelled' THEN 1 END) AS cancelled_count,
    min(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS first_expired_at,
    max(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS last_expired_at,
    count(CASE WHEN e.kind = 'expired' THEN 1 END) AS expired_count,
    min(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS first_seen_at,
    max(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS last_seen_at,
    count(CASE WHEN e.kind = 'seen' THEN 1 END) AS seen_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN 1 END) AS opened_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS first_automated_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS last_automated_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated THEN 1 END) AS automated_opened_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN 1 END) AS clicked_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS first_automated_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS last_automated_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated THEN 1 END) AS automated_clicked_count,
    min(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS first_read_at,
    max(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS last_read_at,
    count(CASE WHEN e.kind = 'read' THEN 1 END) AS read_count,
    min(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS first_unread_at,
    max(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS last_unread_at,
    count(CASE WHEN e.kind = 'unread' THEN 1 END) AS unread_count,
    min(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS first_acknowledged_at,
    max(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS last_acknowledged_at,
    count(CASE WHEN e.kind = 'acknowledged' THEN 1 END) AS acknowledged_count,
    min(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS first_archived_at,
    max(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS last_archived_at,
    count(CASE WHEN e.kind = 'archived' THEN 1 END) AS archived_count,
    min(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS first_unarchived_at,
    max(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS last_unarchived_at,
    count(CASE WHEN e.kind = 'unarchived' THEN 1 END) AS unarchived_count,
    min(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS first_snoozed_at,
    max(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS last_snoozed_at,
    count(CASE WHEN e.kind = 'snoozed' THEN 1 END) AS snoozed_count,
    min(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS first_unsnoozed_at,
    max(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS last_unsnoozed_at,
    count(CASE WHEN e.kind = 'unsnoozed' THEN 1 END) AS unsnoozed_count,
    min(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS first_action_completed_at,
    max(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS last_action_completed_at,
    count(CASE WHEN e.kind = 'action_completed' THEN 1 END) AS action_completed_count,
    min(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS first_action_reverted_at,
    max(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS last_action_reverted_at,
    count(CASE WHEN e.kind = 'action_reverted' THEN 1 END) AS action_reverted_count,
    min(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS first_deleted_at,
    max(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS last_deleted_at,
    count(CASE WHEN e.kind = 'deleted' THEN 1 END) AS deleted_count,
    min(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS first_unsubscribed_at,
    max(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS last_unsubscribed_at,
    count(CASE WHEN e.kind = 'unsubscribed' THEN 1 END) AS unsubscribed_count,
    min(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS first_complained_at,
    max(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS last_complained_at,
    count(CASE WHEN e.kind = 'complained' THEN 1 END) AS complained_count
FROM event_rows AS e
WHERE
    e.touched_in = batch_number
    AND e.n = notification_number
    AND e.kind <> 'observed'
    AND NOT e.is_retracted;

CREATE OR REPLACE MACRO told_of_inbox_entry(batch_number, notification_number, recipient, row_marks) AS TABLE
SELECT
    min(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS first_fired_at,
    max(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS last_fired_at,
    count(CASE WHEN e.kind = 'fired' THEN 1 END) AS fired_count,
    min(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS first_attempted_at,
    max(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS last_attempted_at,
    count(CASE WHEN e.kind = 'attempted' THEN 1 END) AS attempted_count,
    min(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS first_deferred_at,
    max(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS last_deferred_at,
    count(CASE WHEN e.kind = 'deferred' THEN 1 END) AS deferred_count,
    min(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS first_delivered_at,
    max(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS last_delivered_at,
    count(CASE WHEN e.kind = 'delivered' THEN 1 END) AS delivered_count,
    min(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS first_failed_at,
    max(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS last_failed_at,
    count(CASE WHEN e.kind = 'failed' THEN 1 END) AS failed_count,
    min(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS first_cancelled_at,
    max(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS last_cancelled_at,
    count(CASE WHEN e.kind = 'cancelled' THEN 1 END) AS cancelled_count,
    min(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS first_expired_at,
    max(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS last_expired_at,
    count(CASE WHEN e.kind = 'expired' THEN 1 END) AS expired_count,
    min(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS first_seen_at,
    max(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS last_seen_at,
    count(CASE WHEN e.kind = 'seen' THEN 1 END) AS seen_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN 1 END) AS opened_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS first_automated_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS last_automated_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated THEN 1 END) AS automated_opened_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN 1 END) AS clicked_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS first_automated_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS last_automated_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated THEN 1 END) AS automated_clicked_count,
    min(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS first_read_at,
    max(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS last_read_at,
    count(CASE WHEN e.kind = 'read' THEN 1 END) AS read_count,
    min(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS first_unread_at,
    max(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS last_unread_at,
    count(CASE WHEN e.kind = 'unread' THEN 1 END) AS unread_count,
    min(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS first_acknowledged_at,
    max(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS last_acknowledged_at,
    count(CASE WHEN e.kind = 'acknowledged' THEN 1 END) AS acknowledged_count,
    min(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS first_archived_at,
    max(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS last_archived_at,
    count(CASE WHEN e.kind = 'archived' THEN 1 END) AS archived_count,
    min(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS first_unarchived_at,
    max(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS last_unarchived_at,
    count(CASE WHEN e.kind = 'unarchived' THEN 1 END) AS unarchived_count,
    min(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS first_snoozed_at,
    max(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS last_snoozed_at,
    count(CASE WHEN e.kind = 'snoozed' THEN 1 END) AS snoozed_count,
    min(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS first_unsnoozed_at,
    max(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS last_unsnoozed_at,
    count(CASE WHEN e.kind = 'unsnoozed' THEN 1 END) AS unsnoozed_count,
    min(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS first_action_completed_at,
    max(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS last_action_completed_at,
    count(CASE WHEN e.kind = 'action_completed' THEN 1 END) AS action_completed_count,
    min(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS first_action_reverted_at,
    max(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS last_action_reverted_at,
    count(CASE WHEN e.kind = 'action_reverted' THEN 1 END) AS action_reverted_count,
    min(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS first_deleted_at,
    max(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS last_deleted_at,
    count(CASE WHEN e.kind = 'deleted' THEN 1 END) AS deleted_count,
    min(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS first_unsubscribed_at,
    max(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS last_unsubscribed_at,
    count(CASE WHEN e.kind = 'unsubscribed' THEN 1 END) AS unsubscribed_count,
    min(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS first_complained_at,
    max(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS last_complained_at,
    count(CASE WHEN e.kind = 'complained' THEN 1 END) AS complained_count
FROM event_rows AS e
WHERE
    e.touched_in = batch_number
    AND e.n = notification_number
    AND e.kind <> 'observed'
    AND NOT e.is_retracted
    AND e.kind <> 'retracted'
    AND (
        e.recipient_id = recipient
        OR (e.recipient_id IS NULL AND marked(row_marks, 'is_sole'))
        OR (
            e.recipient_id IS NULL
            AND e.kind IN ('fired', 'cancelled', 'expired', 'failed')
            AND (
                e.channel IS NULL
                OR EXISTS (
                    FROM delivery_rows AS s
                    WHERE
                        s.touched_in = batch_number
                        AND s.n = notification_number
                        AND s.recipient_id = recipient
                        AND s.channel = e.channel
                        AND coalesce(e.delivery_ref, '') IN ('', s.delivery_ref)
                )
            )
        )
    );

CREATE OR REPLACE MACRO told_of_delivery(batch_number, notification_number, recipient, over_channel, under_ref, row_marks) AS TABLE
SELECT
    min(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS first_fired_at,
    max(CASE WHEN e.kind = 'fired' THEN e.occurred_at END) AS last_fired_at,
    count(CASE WHEN e.kind = 'fired' THEN 1 END) AS fired_count,
    min(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS first_attempted_at,
    max(CASE WHEN e.kind = 'attempted' THEN e.occurred_at END) AS last_attempted_at,
    count(CASE WHEN e.kind = 'attempted' THEN 1 END) AS attempted_count,
    min(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS first_deferred_at,
    max(CASE WHEN e.kind = 'deferred' THEN e.occurred_at END) AS last_deferred_at,
    count(CASE WHEN e.kind = 'deferred' THEN 1 END) AS deferred_count,
    min(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS first_delivered_at,
    max(CASE WHEN e.kind = 'delivered' THEN e.occurred_at END) AS last_delivered_at,
    count(CASE WHEN e.kind = 'delivered' THEN 1 END) AS delivered_count,
    min(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS first_failed_at,
    max(CASE WHEN e.kind = 'failed' THEN e.occurred_at END) AS last_failed_at,
    count(CASE WHEN e.kind = 'failed' THEN 1 END) AS failed_count,
    min(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS first_cancelled_at,
    max(CASE WHEN e.kind = 'cancelled' THEN e.occurred_at END) AS last_cancelled_at,
    count(CASE WHEN e.kind = 'cancelled' THEN 1 END) AS cancelled_count,
    min(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS first_expired_at,
    max(CASE WHEN e.kind = 'expired' THEN e.occurred_at END) AS last_expired_at,
    count(CASE WHEN e.kind = 'expired' THEN 1 END) AS expired_count,
    min(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS first_seen_at,
    max(CASE WHEN e.kind = 'seen' THEN e.occurred_at END) AS last_seen_at,
    count(CASE WHEN e.kind = 'seen' THEN 1 END) AS seen_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated IS DISTINCT FROM true THEN 1 END) AS opened_count,
    min(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS first_automated_opened_at,
    max(CASE WHEN e.kind = 'opened' AND e.automated THEN e.occurred_at END) AS last_automated_opened_at,
    count(CASE WHEN e.kind = 'opened' AND e.automated THEN 1 END) AS automated_opened_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS first_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN e.occurred_at END) AS last_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated IS DISTINCT FROM true THEN 1 END) AS clicked_count,
    min(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS first_automated_clicked_at,
    max(CASE WHEN e.kind = 'clicked' AND e.automated THEN e.occurred_at END) AS last_automated_clicked_at,
    count(CASE WHEN e.kind = 'clicked' AND e.automated THEN 1 END) AS automated_clicked_count,
    min(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS first_read_at,
    max(CASE WHEN e.kind = 'read' THEN e.occurred_at END) AS last_read_at,
    count(CASE WHEN e.kind = 'read' THEN 1 END) AS read_count,
    min(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS first_unread_at,
    max(CASE WHEN e.kind = 'unread' THEN e.occurred_at END) AS last_unread_at,
    count(CASE WHEN e.kind = 'unread' THEN 1 END) AS unread_count,
    min(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS first_acknowledged_at,
    max(CASE WHEN e.kind = 'acknowledged' THEN e.occurred_at END) AS last_acknowledged_at,
    count(CASE WHEN e.kind = 'acknowledged' THEN 1 END) AS acknowledged_count,
    min(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS first_archived_at,
    max(CASE WHEN e.kind = 'archived' THEN e.occurred_at END) AS last_archived_at,
    count(CASE WHEN e.kind = 'archived' THEN 1 END) AS archived_count,
    min(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS first_unarchived_at,
    max(CASE WHEN e.kind = 'unarchived' THEN e.occurred_at END) AS last_unarchived_at,
    count(CASE WHEN e.kind = 'unarchived' THEN 1 END) AS unarchived_count,
    min(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS first_snoozed_at,
    max(CASE WHEN e.kind = 'snoozed' THEN e.occurred_at END) AS last_snoozed_at,
    count(CASE WHEN e.kind = 'snoozed' THEN 1 END) AS snoozed_count,
    min(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS first_unsnoozed_at,
    max(CASE WHEN e.kind = 'unsnoozed' THEN e.occurred_at END) AS last_unsnoozed_at,
    count(CASE WHEN e.kind = 'unsnoozed' THEN 1 END) AS unsnoozed_count,
    min(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS first_action_completed_at,
    max(CASE WHEN e.kind = 'action_completed' THEN e.occurred_at END) AS last_action_completed_at,
    count(CASE WHEN e.kind = 'action_completed' THEN 1 END) AS action_completed_count,
    min(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS first_action_reverted_at,
    max(CASE WHEN e.kind = 'action_reverted' THEN e.occurred_at END) AS last_action_reverted_at,
    count(CASE WHEN e.kind = 'action_reverted' THEN 1 END) AS action_reverted_count,
    min(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS first_deleted_at,
    max(CASE WHEN e.kind = 'deleted' THEN e.occurred_at END) AS last_deleted_at,
    count(CASE WHEN e.kind = 'deleted' THEN 1 END) AS deleted_count,
    min(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS first_unsubscribed_at,
    max(CASE WHEN e.kind = 'unsubscribed' THEN e.occurred_at END) AS last_unsubscribed_at,
    count(CASE WHEN e.kind = 'unsubscribed' THEN 1 END) AS unsubscribed_count,
    min(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS first_complained_at,
    max(CASE WHEN e.kind = 'complained' THEN e.occurred_at END) AS last_complained_at,
    count(CASE WHEN e.kind = 'complained' THEN 1 END) AS complained_count
FROM event_rows AS e
WHERE
    e.touched_in = batch_number
    AND e.n = notification_number
    AND e.kind <> 'observed'
    AND NOT e.is_retracted
    AND e.kind <> 'retracted'
    AND (
        (
            (e.recipient_id = recipient OR (e.recipient_id IS NULL AND marked(row_marks, 'is_sole')))
            AND (
                (e.channel = over_channel AND coalesce(e.delivery_ref, '') = under_ref)
                OR (e.channel IS NULL AND (marked(row_marks, 'is_single') OR e.kind IN ('fired', 'cancelled', 'expired', 'failed')))
            )
        )
        OR (
            e.recipient_id IS NULL
            AND NOT marked(row_marks, 'is_sole')
            AND e.kind IN ('fired', 'cancelled', 'expired', 'failed')
            AND (e.channel IS NULL OR e.channel = over_channel)
            AND coalesce(e.delivery_ref, '') IN ('', under_ref)
        )
    );

-- What lies below a notification, and below an inbox entry. A macro's text stands where it is called: an alias in it that
-- its caller uses, too, would take the caller's columns for its own. So tables are e or s in macros, neither in a caller.

CREATE OR REPLACE MACRO entries_of_notification(batch_number, notification_number) AS TABLE
SELECT
    count(*) AS recipients,
    count(CASE WHEN marked(s.marks, 'fired') THEN 1 END) AS recipients_fired,
    count(CASE WHEN marked(s.marks, 'delivered') THEN 1 END) AS recipients_delivered,
    count(CASE WHEN marked(s.marks, 'failed') THEN 1 END) AS recipients_failed,
    count(CASE WHEN marked(s.marks, 'cancelled') THEN 1 END) AS recipients_cancelled,
    count(CASE WHEN marked(s.marks, 'expired') THEN 1 END) AS recipients_expired,
    count(CASE WHEN s.marks & seen_marks() <> 0 THEN 1 END) AS recipients_seen,
    count(CASE WHEN marked(s.marks, 'opened') THEN 1 END) AS recipients_opened,
    count(CASE WHEN marked(s.marks, 'clicked') THEN 1 END) AS recipients_clicked,
    count(CASE WHEN marked(s.marks, 'is_read') THEN 1 END) AS recipients_read,
    count(CASE WHEN marked(s.marks, 'acknowledged') THEN 1 END) AS recipients_acknowledged,
    count(CASE WHEN marked(s.marks, 'is_archived') THEN 1 END) AS recipients_archived,
    count(CASE WHEN marked(s.marks, 'is_snoozed') THEN 1 END) AS recipients_snoozed,
    count(CASE WHEN marked(s.marks, 'deleted') THEN 1 END) AS recipients_deleted
FROM inbox_entry_rows AS s
WHERE s.touched_in = batch_number AND s.n = notification_number;

CREATE OR REPLACE MACRO deliveries_of_notification(batch_number, notification_number) AS TABLE
SELECT count(*) AS deliveries, coalesce(list(DISTINCT s.channel), []) AS channels
FROM delivery_rows AS s
WHERE s.touched_in = batch_number AND s.n = notification_number;

CREATE OR REPLACE MACRO deliveries_of_inbox_entry(batch_number, notification_number, recipient) AS TABLE
SELECT count(*) AS deliveries, coalesce(list_sort(list(DISTINCT s.channel)), []) AS channels
FROM delivery_rows AS s
WHERE s.touched_in = batch_number AND s.n = notification_number AND s.recipient_id = recipient;

CREATE OR REPLACE VIEW notifications AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.listed_at,
    told.*,
    marked(r.marks, 'failed_permanently') AS failed_permanently,
    sent.deliveries,
    list_sort(list_distinct(list_concat(sent.channels, c.channels))) AS channels,
    had.*
FROM notification_rows AS r
LEFT JOIN content_rows AS c ON c.n = r.n
CROSS JOIN LATERAL (FROM told_of_notification(r.touched_in, r.n)) AS told
CROSS JOIN LATERAL (FROM entries_of_notification(r.touched_in, r.n)) AS had
CROSS JOIN LATERAL (FROM deliveries_of_notification(r.touched_in, r.n)) AS sent;
COMMENT ON VIEW notifications IS 'Grain: notification. Times and counts of everything below it merged; reversible states as numbers of recipients.';

CREATE OR REPLACE VIEW inbox_entries AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.recipient_id,
    inbox_entry_id_of(r.tenant_id, r.notification_id, r.recipient_id) AS inbox_entry_id,
    r.listed_at,
    told.*,
    marked(r.marks, 'failed_permanently') AS failed_permanently,
    r.marks & seen_marks() <> 0 AS is_seen,
    marked(r.marks, 'is_read') AS is_read,
    marked(r.marks, 'is_archived') AS is_archived,
    marked(r.marks, 'is_snoozed') AS is_snoozed,
    r.snoozed_until,
    marked(r.marks, 'deleted') AS is_deleted,
    sent.*
FROM inbox_entry_rows AS r,
deliveries_of_inbox_entry(r.touched_in, r.n, r.recipient_id) AS sent,
told_of_inbox_entry(r.touched_in, r.n, r.recipient_id, r.marks) AS told;
COMMENT ON VIEW inbox_entries IS 'Grain: inbox entry, one notification as one recipient has it.';

CREATE OR REPLACE VIEW deliveries AS
SELECT
    r.tenant_id,
    r.notification_id,
    r.recipient_id,
    r.channel,
    r.delivery_ref,
    r.listed_at,
    told.*,
    marked(r.marks, 'failed_permanently') AS failed_permanently,
    r.marks & seen_marks() <> 0 AS is_seen,
    marked(r.marks, 'is_read') AS is_read,
    marked(r.marks, 'is_archived') AS is_archived,
    marked(r.marks, 'is_snoozed') AS is_snoozed,
    r.snoozed_until,
    marked(r.marks, 'deleted') AS is_deleted
FROM delivery_rows AS r,
told_of_delivery(r.touched_in, r.n, r.recipient_id, r.channel, r.delivery_ref, r.marks) AS told;
COMMENT ON VIEW deliveries IS 'Grain: delivery, one inbox entry over one channel; delivery_ref (empty: none) tells apart devices, steps, resends.';

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
    WHERE kind <> 'observed' AND NOT is_retracted
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
