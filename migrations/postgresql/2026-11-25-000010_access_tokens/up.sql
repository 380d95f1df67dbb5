-- Opaque access tokens by the hash of the token, on a grant or, where a client got one for itself, on the client alone.
CREATE TABLE opaque_access_tokens (
    hash BYTEA NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    grant_id TEXT COLLATE "C",
    scopes TEXT NOT NULL,
    audience TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX opaque_access_tokens_expires_at ON opaque_access_tokens (expires_at);

-- Signed access tokens that were revoked one by one, by the hash of their jti, until they would have ended by themselves.
CREATE TABLE revoked_tokens (
    hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);
