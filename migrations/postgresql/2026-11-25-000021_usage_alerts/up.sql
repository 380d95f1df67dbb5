CREATE TABLE usage_alerts (
    name TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL,
    is_firing BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (name)
);
CREATE INDEX usage_alerts_expires_at ON usage_alerts (expires_at);
