-- Records that the dead-letter topic has by now.

INSERT INTO dead_letters
SELECT unnest($partitions), unnest($offsets), unnest($reasons);
