-- What may happen so often only: initial access tokens, registrations within an hour. A row is one of them, with how often
-- it has happened.
CREATE TABLE IF NOT EXISTS quotas (
    subject BINARY(32) NOT NULL,
    uses BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject),
    INDEX quotas_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Clients that anybody has registered. One that nobody has used ends at expires_at; NULL: it has been used.
CREATE TABLE IF NOT EXISTS open_registrations (
    client_id VARBINARY(255) NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (client_id),
    INDEX open_registrations_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
