-- How many of the filtered rows reached each kind; some are said of a whole notification alone.
SELECT
    coalesce(count_if(marked(filtered.marks, 'created')), 0) AS "created", -- when whole
    coalesce(count_if(marked(filtered.marks, 'amended')), 0) AS "amended", -- when whole
    coalesce(count_if(marked(filtered.marks, 'audience_added')), 0) AS "audience_added", -- when whole
    coalesce(count_if(marked(filtered.marks, 'retracted')), 0) AS "retracted", -- when whole
    coalesce(count_if(marked(filtered.marks, 'fired')), 0) AS "fired",
    coalesce(count_if(marked(filtered.marks, 'delivered')), 0) AS "delivered",
    coalesce(count_if(marked(filtered.marks, 'opened')), 0) AS "opened",
    coalesce(count_if(marked(filtered.marks, 'read')), 0) AS "read",
    coalesce(count_if(marked(filtered.marks, 'acknowledged')), 0) AS "acknowledged",
    coalesce(count_if(marked(filtered.marks, 'failed')), 0) AS "failed",
    coalesce(count_if(marked(filtered.marks, 'attempted')), 0) AS "attempted",
    coalesce(count_if(marked(filtered.marks, 'deferred')), 0) AS "deferred",
    coalesce(count_if(marked(filtered.marks, 'cancelled')), 0) AS "cancelled",
    coalesce(count_if(marked(filtered.marks, 'expired')), 0) AS "expired",
    coalesce(count_if(marked(filtered.marks, 'seen')), 0) AS "seen",
    coalesce(count_if(marked(filtered.marks, 'clicked')), 0) AS "clicked",
    coalesce(count_if(marked(filtered.marks, 'unread')), 0) AS "unread",
    coalesce(count_if(marked(filtered.marks, 'archived')), 0) AS "archived",
    coalesce(count_if(marked(filtered.marks, 'unarchived')), 0) AS "unarchived",
    coalesce(count_if(marked(filtered.marks, 'snoozed')), 0) AS "snoozed",
    coalesce(count_if(marked(filtered.marks, 'unsnoozed')), 0) AS "unsnoozed",
    coalesce(count_if(marked(filtered.marks, 'action_completed')), 0) AS "action_completed",
    coalesce(count_if(marked(filtered.marks, 'action_reverted')), 0) AS "action_reverted",
    coalesce(count_if(marked(filtered.marks, 'deleted')), 0) AS "deleted",
    coalesce(count_if(marked(filtered.marks, 'unsubscribed')), 0) AS "unsubscribed",
    coalesce(count_if(marked(filtered.marks, 'complained')), 0) AS "complained"
FROM filtered;
