-- One page of the filtered records, newest first, from behind the row that the cursor names.
SELECT filtered.*
FROM filtered
-- when after_recorded_at
WHERE
    filtered.recorded_at <= $after_recorded_at
    AND (filtered.recorded_at, filtered."partition", filtered."offset")
    < ($after_recorded_at, $after_partition, $after_offset)
-- end when
ORDER BY filtered.recorded_at DESC, filtered."partition" DESC, filtered."offset" DESC
LIMIT $rows;
