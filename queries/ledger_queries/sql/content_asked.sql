-- The notifications of a tenant whose content a filter asks for, by number.
SELECT content.n
FROM content_rows AS content
WHERE
    content.tenant_id = $tenant
    AND content.external_id = ANY($external_id::VARCHAR[]) -- when external_id
    AND content."number" = $number -- when number
    -- when correlation_id
    AND content.n IN (
        SELECT event.n
        FROM event_rows AS event
        WHERE
            event.kind = 'created'
            AND event.correlation_id = ANY($correlation_id::VARCHAR[])
            AND NOT is_taken_back(event.n, event.event_id, event.kind)
    )
    -- end when
    AND content."type" = ANY($type::VARCHAR[]) -- when type
    AND content.category = ANY($category::VARCHAR[]) -- when category
    AND content."action" = ANY($action::VARCHAR[]) -- when action
    AND content.priority = ANY($priority::VARCHAR[]) -- when priority
    AND content.severity = ANY($severity::VARCHAR[]) -- when severity
    AND content.subject."type" = $subject_type -- when subject_type
    AND content.subject.id = $subject_id -- when subject_id
    AND content.creator."type" = $creator_type -- when creator_type
    AND content.creator.id = $creator_id -- when creator_id
    -- when group_asked
    AND len(list_filter(
        content.groups,
        lambda one: true
        AND one."type" = $group_type -- when group_type
        AND one.id = $group_id -- when group_id
    )) > 0
    -- end when
    AND list_has_all(content.tags, $tag::VARCHAR[]) -- when tag
    AND list_has_all(content.contexts, $context::VARCHAR[]) -- when context
    AND content."template".id = ANY($template_id::VARCHAR[]) -- when template_id
    AND content.schedule.id = $schedule_id -- when schedule_id
    -- when data_path
    AND json_extract_string(
        CASE WHEN json_valid(content.personal."data") THEN content.personal."data" END, $data_path
    ) = $data_value
    -- end when
