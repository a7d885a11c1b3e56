-- Which quarantined records were put on the dead-letter topic; made in a file when that topic is first asked for.

CREATE TABLE dead_letters (
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE dead_letters IS 'Quarantined records that the dead-letter topic has, and the reason that it was told: each at least once.';
