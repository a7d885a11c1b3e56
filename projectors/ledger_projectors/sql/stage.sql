-- The decoded batch (an Arrow table) as rows of the same shape as history.

CREATE OR REPLACE TEMP TABLE staged AS
SELECT * REPLACE (
    notification_id::UUID AS notification_id,
    event_id::UUID AS event_id,
    parent_notification_id::UUID AS parent_notification_id,
    retracted_event_id::UUID AS retracted_event_id
)
FROM batch;
