-- What every read model file holds of the directory: credentials, settings, teams, devices, and what was applied of it.

CREATE TABLE directory_keys (
    key_id VARCHAR NOT NULL,
    key_hash VARCHAR,
    "role" VARCHAR,
    tenant_id VARCHAR,
    recipient_id VARCHAR,
    label VARCHAR,
    issued_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
COMMENT ON TABLE directory_keys IS 'Every credential that was ever issued, by the SHA-256 of its secret; without a hash, only its revocation was read.';

CREATE TABLE directory_tenants (
    tenant_id VARCHAR NOT NULL,
    setting VARCHAR NOT NULL,
    "value" VARCHAR NOT NULL
);
COMMENT ON TABLE directory_tenants IS 'Settings of tenants.';

CREATE TABLE directory_team_members (
    tenant_id VARCHAR NOT NULL,
    team_id VARCHAR NOT NULL,
    recipient_id VARCHAR NOT NULL
);
COMMENT ON TABLE directory_team_members IS 'Who is in a team now.';

CREATE TABLE directory_devices (
    tenant_id VARCHAR NOT NULL,
    device_token VARCHAR NOT NULL,
    recipient_id VARCHAR NOT NULL,
    platform VARCHAR NOT NULL,
    registered_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE directory_devices IS 'Whose each device is now. Tokens are personal data.';

CREATE TABLE directory_events (
    event_id UUID NOT NULL
);
COMMENT ON TABLE directory_events IS 'The events of the directory that were applied: a further copy changes nothing.';

CREATE TABLE directory_quarantine (
    log_topic VARCHAR NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    tenant_id VARCHAR,
    record_key BLOB,
    record_value BLOB,
    record_headers STRUCT ("name" VARCHAR, "value" BLOB)[]
);
COMMENT ON TABLE directory_quarantine IS 'Records of the directory that cannot be applied, kept whole with the reason, as those of the lifecycle topic in quarantine.';
