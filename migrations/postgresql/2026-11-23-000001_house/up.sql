-- Identifiers are compared and ordered byte by byte (collation "C"). Times are seconds since the epoch, hashes 32 bytes.

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT COLLATE "C" NOT NULL,
    username_skeleton TEXT COLLATE "C" NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT COLLATE "C" NOT NULL,
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
);

CREATE TABLE clients (
    id TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE scopes (
    name TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE resources (
    identifier TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (identifier)
);

CREATE TABLE policies (
    name TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE sessions (
    hash BYTEA NOT NULL,
    sid TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    UNIQUE (sid)
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_idle_expires_at ON sessions (idle_expires_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE interactions (
    hash BYTEA NOT NULL,
    request TEXT NOT NULL,
    browser BYTEA,
    authenticated BOOLEAN NOT NULL,
    consented BOOLEAN NOT NULL,
    flow_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX interactions_expires_at ON interactions (expires_at);

CREATE TABLE grants (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    sid TEXT COLLATE "C" NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id)
);
CREATE INDEX grants_user_id ON grants (user_id);
CREATE INDEX grants_expires_at ON grants (expires_at);

CREATE TABLE consents (
    user_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    scopes TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

CREATE TABLE authorization_codes (
    hash BYTEA NOT NULL,
    grant_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT NOT NULL,
    redirect_uri_was_sent BOOLEAN NOT NULL,
    challenge TEXT,
    challenge_method TEXT,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    sweep_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX authorization_codes_sweep_at ON authorization_codes (sweep_at);

CREATE TABLE refresh_token_families (
    id TEXT COLLATE "C" NOT NULL,
    grant_id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    scopes TEXT NOT NULL,
    salt BYTEA NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
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
);
CREATE INDEX refresh_token_families_grant_id ON refresh_token_families (grant_id);
CREATE INDEX refresh_token_families_user_id ON refresh_token_families (user_id);
CREATE INDEX refresh_token_families_idle_expires_at ON refresh_token_families (idle_expires_at);
CREATE INDEX refresh_token_families_expires_at ON refresh_token_families (expires_at);

CREATE TABLE throttles (
    subject BYTEA NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject)
);
CREATE INDEX throttles_expires_at ON throttles (expires_at);

CREATE TABLE signing_keys (
    id TEXT COLLATE "C" NOT NULL,
    algorithm TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    slot TEXT COLLATE "C",
    public_jwk TEXT NOT NULL,
    sealed_private BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retiring_at BIGINT,
    retires_at BIGINT,
    PRIMARY KEY (id),
    UNIQUE (slot)
);
CREATE INDEX signing_keys_retires_at ON signing_keys (retires_at);

CREATE TABLE secret_keys (
    id TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (purpose, ordinal)
);

CREATE TABLE refusals (
    reference TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C",
    sent TEXT NOT NULL,
    expected TEXT NOT NULL,
    request_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (reference)
);
CREATE INDEX refusals_expires_at ON refusals (expires_at);
