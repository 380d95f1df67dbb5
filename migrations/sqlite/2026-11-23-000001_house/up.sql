-- Identifiers are compared byte by byte (SQLite's BINARY collation). Times are seconds since the epoch, hashes 32 bytes.

CREATE TABLE users (
    id TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    username_skeleton TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    email_verified BOOLEAN NOT NULL,
    password_hash TEXT,
    claims TEXT NOT NULL,
    roles TEXT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (username_key),
    UNIQUE (username_skeleton),
    UNIQUE (email_key)
) WITHOUT ROWID;

CREATE TABLE clients (
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE TABLE scopes (
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID;

CREATE TABLE resources (
    identifier TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (identifier)
) WITHOUT ROWID;

CREATE TABLE policies (
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID;

CREATE TABLE sessions (
    hash BLOB NOT NULL,
    sid TEXT NOT NULL,
    user_id TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    UNIQUE (sid)
) WITHOUT ROWID;
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_idle_expires_at ON sessions (idle_expires_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE interactions (
    hash BLOB NOT NULL,
    request TEXT NOT NULL,
    browser BLOB,
    authenticated BOOLEAN NOT NULL,
    consented BOOLEAN NOT NULL,
    flow_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX interactions_expires_at ON interactions (expires_at);

CREATE TABLE grants (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    sid TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX grants_user_id ON grants (user_id);
CREATE INDEX grants_expires_at ON grants (expires_at);

CREATE TABLE consents (
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
) WITHOUT ROWID;

CREATE TABLE authorization_codes (
    hash BLOB NOT NULL,
    grant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    redirect_uri_was_sent BOOLEAN NOT NULL,
    challenge TEXT,
    challenge_method TEXT,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    sweep_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX authorization_codes_sweep_at ON authorization_codes (sweep_at);

CREATE TABLE refresh_token_families (
    id TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    salt BLOB NOT NULL,
    key_id TEXT NOT NULL,
    rotates BOOLEAN NOT NULL,
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    previous_attempt BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX refresh_token_families_grant_id ON refresh_token_families (grant_id);
CREATE INDEX refresh_token_families_user_id ON refresh_token_families (user_id);
CREATE INDEX refresh_token_families_idle_expires_at ON refresh_token_families (idle_expires_at);
CREATE INDEX refresh_token_families_expires_at ON refresh_token_families (expires_at);

CREATE TABLE throttles (
    subject BLOB NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject)
) WITHOUT ROWID;
CREATE INDEX throttles_expires_at ON throttles (expires_at);

CREATE TABLE signing_keys (
    id TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    slot TEXT,
    public_jwk TEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retiring_at BIGINT,
    retires_at BIGINT,
    PRIMARY KEY (id),
    UNIQUE (slot)
) WITHOUT ROWID;
CREATE INDEX signing_keys_retires_at ON signing_keys (retires_at);

CREATE TABLE secret_keys (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (purpose, ordinal)
) WITHOUT ROWID;

CREATE TABLE refusals (
    reference TEXT NOT NULL,
    rule TEXT NOT NULL,
    client_id TEXT,
    sent TEXT NOT NULL,
    expected TEXT NOT NULL,
    request_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (reference)
) WITHOUT ROWID;
CREATE INDEX refusals_expires_at ON refusals (expires_at);
