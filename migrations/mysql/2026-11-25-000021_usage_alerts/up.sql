CREATE TABLE IF NOT EXISTS usage_alerts (
    name VARBINARY(255) NOT NULL,
    holder VARBINARY(255) NOT NULL,
    held_until BIGINT NOT NULL,
    is_firing BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (name),
    INDEX usage_alerts_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
