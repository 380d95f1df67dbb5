-- JWTs of clients that may be used once, by the hash of client and jti, until they would have ended by themselves.
CREATE TABLE used_jwts (
    hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX used_jwts_expires_at ON used_jwts (expires_at);
