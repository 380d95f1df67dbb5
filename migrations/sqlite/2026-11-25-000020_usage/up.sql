CREATE TABLE usage_rollups (
    id BLOB NOT NULL,
    period TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    source TEXT NOT NULL,
    client_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    grant_type TEXT NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    requests BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    latency_0 BIGINT NOT NULL,
    latency_1 BIGINT NOT NULL,
    latency_2 BIGINT NOT NULL,
    latency_3 BIGINT NOT NULL,
    latency_4 BIGINT NOT NULL,
    latency_5 BIGINT NOT NULL,
    latency_6 BIGINT NOT NULL,
    latency_7 BIGINT NOT NULL,
    latency_8 BIGINT NOT NULL,
    latency_9 BIGINT NOT NULL,
    latency_10 BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX usage_rollups_period_starts_at ON usage_rollups (period, starts_at);
CREATE INDEX usage_rollups_expires_at ON usage_rollups (expires_at);

CREATE TABLE usage_batches (
    id BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX usage_batches_expires_at ON usage_batches (expires_at);
