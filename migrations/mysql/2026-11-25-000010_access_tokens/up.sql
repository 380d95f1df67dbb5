-- Opaque access tokens by the hash of the token, on a grant or, where a client got one for itself, on the client alone.
CREATE TABLE IF NOT EXISTS opaque_access_tokens (
    hash BINARY(32) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    grant_id VARBINARY(255),
    scopes MEDIUMTEXT NOT NULL,
    audience MEDIUMTEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    INDEX opaque_access_tokens_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Signed access tokens that were revoked one by one, by the hash of their jti, until they would have ended by themselves.
CREATE TABLE IF NOT EXISTS revoked_tokens (
    hash BINARY(32) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    INDEX revoked_tokens_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
