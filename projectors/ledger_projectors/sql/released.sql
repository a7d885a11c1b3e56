-- Records that leave quarantine, by their places.

DELETE FROM quarantine
USING (SELECT unnest($partitions) AS log_partition, unnest($offsets) AS log_offset) AS released
WHERE quarantine.log_partition = released.log_partition
AND quarantine.log_offset = released.log_offset;
