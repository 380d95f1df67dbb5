-- Opaque access tokens by the hash of the token, on a grant or, where a client got one for itself, on the client alone.
CREATE TABLE opaque_access_tokens (
    hash BLOB NOT NULL,
    client_id TEXT NOT NULL,
    grant_id TEXT,
    scopes TEXT NOT NULL,
    audience TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX opaque_access_tokens_expires_at ON opaque_access_tokens (expires_at);

-- Signed access tokens that were revoked one by one, by the hash of their jti, until they would have ended by themselves.
CREATE TABLE revoked_tokens (
    hash BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);
