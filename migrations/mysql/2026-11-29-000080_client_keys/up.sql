-- JWTs of clients that may be used once, by the hash of client and jti, until they would have ended by themselves.
CREATE TABLE IF NOT EXISTS used_jwts (
    hash BINARY(32) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    INDEX used_jwts_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
