CREATE TABLE IF NOT EXISTS usage_rollups (
    id BINARY(32) NOT NULL,
    period VARBINARY(255) NOT NULL,
    starts_at BIGINT NOT NULL,
    source VARBINARY(255) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    endpoint VARBINARY(255) NOT NULL,
    grant_type VARBINARY(255) NOT NULL,
    resource VARBINARY(255) NOT NULL,
    outcome VARBINARY(255) NOT NULL,
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
    PRIMARY KEY (id),
    INDEX usage_rollups_period_starts_at (period, starts_at),
    INDEX usage_rollups_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS usage_batches (
    id BINARY(32) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    INDEX usage_batches_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
