-- How many of the filtered rows reached each kind; some are said of a whole notification alone.
SELECT
    coalesce(count_if(reached(filtered.facts, 'created')), 0) AS "created", -- when whole
    coalesce(count_if(reached(filtered.facts, 'amended')), 0) AS "amended", -- when whole
    coalesce(count_if(reached(filtered.facts, 'audience_added')), 0) AS "audience_added", -- when whole
    coalesce(count_if(reached(filtered.facts, 'retracted')), 0) AS "retracted", -- when whole
    coalesce(count_if((filtered.first_fired_at IS NOT NULL)), 0) AS "fired",
    coalesce(count_if((filtered.first_delivered_at IS NOT NULL)), 0) AS "delivered",
    coalesce(count_if((filtered.first_opened_at IS NOT NULL)), 0) AS "opened",
    coalesce(count_if((filtered.first_read_at IS NOT NULL)), 0) AS "read",
    coalesce(count_if((filtered.first_acknowledged_at IS NOT NULL)), 0) AS "acknowledged",
    coalesce(count_if((filtered.first_failed_at IS NOT NULL)), 0) AS "failed",
    coalesce(count_if(reached(filtered.facts, 'attempted')), 0) AS "attempted",
    coalesce(count_if(reached(filtered.facts, 'deferred')), 0) AS "deferred",
    coalesce(count_if((filtered.first_cancelled_at IS NOT NULL)), 0) AS "cancelled",
    coalesce(count_if((filtered.first_expired_at IS NOT NULL)), 0) AS "expired",
    coalesce(count_if((filtered.first_seen_at IS NOT NULL)), 0) AS "seen",
    coalesce(count_if((filtered.first_clicked_at IS NOT NULL)), 0) AS "clicked",
    coalesce(count_if(reached(filtered.facts, 'unread')), 0) AS "unread",
    coalesce(count_if(reached(filtered.facts, 'archived')), 0) AS "archived",
    coalesce(count_if(reached(filtered.facts, 'unarchived')), 0) AS "unarchived",
    coalesce(count_if(reached(filtered.facts, 'snoozed')), 0) AS "snoozed",
    coalesce(count_if(reached(filtered.facts, 'unsnoozed')), 0) AS "unsnoozed",
    coalesce(count_if(reached(filtered.facts, 'action_completed')), 0) AS "action_completed",
    coalesce(count_if(reached(filtered.facts, 'action_reverted')), 0) AS "action_reverted",
    coalesce(count_if(reached(filtered.facts, 'deleted')), 0) AS "deleted",
    coalesce(count_if(reached(filtered.facts, 'unsubscribed')), 0) AS "unsubscribed",
    coalesce(count_if(reached(filtered.facts, 'complained')), 0) AS "complained"
FROM filtered;
