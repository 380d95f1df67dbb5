-- Identifiers are VARBINARY: compared byte by byte, trailing spaces included, on MySQL and MariaDB alike. DDL is not
-- transactional here, so every statement may run again. Times are seconds since the epoch, hashes 32 bytes.

CREATE TABLE IF NOT EXISTS users (
    id VARBINARY(255) NOT NULL,
    username VARCHAR(255) NOT NULL,
    username_key VARBINARY(1024) NOT NULL,
    username_skeleton VARBINARY(1024) NOT NULL,
    email VARCHAR(255) NOT NULL,
    email_key VARBINARY(1024) NOT NULL,
    email_verified BOOLEAN NOT NULL,
    password_hash TEXT,
    claims MEDIUMTEXT NOT NULL,
    roles MEDIUMTEXT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (username_key),
    UNIQUE (username_skeleton),
    UNIQUE (email_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS clients (
    id VARBINARY(255) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scopes (
    name VARBINARY(255) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS resources (
    identifier VARBINARY(255) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (identifier)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS policies (
    name VARBINARY(255) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    hash BINARY(32) NOT NULL,
    sid VARBINARY(255) NOT NULL,
    user_id VARBINARY(255) NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    UNIQUE (sid),
    INDEX sessions_user_id (user_id),
    INDEX sessions_idle_expires_at (idle_expires_at),
    INDEX sessions_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS interactions (
    hash BINARY(32) NOT NULL,
    request MEDIUMTEXT NOT NULL,
    browser BINARY(32),
    authenticated BOOLEAN NOT NULL,
    consented BOOLEAN NOT NULL,
    flow_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    INDEX interactions_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS grants (
    id VARBINARY(255) NOT NULL,
    user_id VARBINARY(255) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    sid VARBINARY(255) NOT NULL,
    scopes MEDIUMTEXT NOT NULL,
    resources MEDIUMTEXT NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id),
    INDEX grants_user_id (user_id),
    INDEX grants_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS consents (
    user_id VARBINARY(255) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    scopes MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS authorization_codes (
    hash BINARY(32) NOT NULL,
    grant_id VARBINARY(255) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    redirect_uri TEXT NOT NULL,
    redirect_uri_was_sent BOOLEAN NOT NULL,
    challenge TEXT,
    challenge_method TEXT,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    sweep_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    INDEX authorization_codes_sweep_at (sweep_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS refresh_token_families (
    id VARBINARY(255) NOT NULL,
    grant_id VARBINARY(255) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    user_id VARBINARY(255) NOT NULL,
    scopes MEDIUMTEXT NOT NULL,
    salt BINARY(32) NOT NULL,
    key_id VARBINARY(255) NOT NULL,
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
    PRIMARY KEY (id),
    INDEX refresh_token_families_grant_id (grant_id),
    INDEX refresh_token_families_user_id (user_id),
    INDEX refresh_token_families_idle_expires_at (idle_expires_at),
    INDEX refresh_token_families_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS throttles (
    subject BINARY(32) NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject),
    INDEX throttles_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS signing_keys (
    id VARBINARY(255) NOT NULL,
    algorithm VARBINARY(255) NOT NULL,
    state VARBINARY(255) NOT NULL,
    slot VARBINARY(255),
    public_jwk MEDIUMTEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retiring_at BIGINT,
    retires_at BIGINT,
    PRIMARY KEY (id),
    UNIQUE (slot),
    INDEX signing_keys_retires_at (retires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS secret_keys (
    id VARBINARY(255) NOT NULL,
    purpose VARBINARY(255) NOT NULL,
    ordinal BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (purpose, ordinal)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS refusals (
    reference VARBINARY(255) NOT NULL,
    rule VARBINARY(255) NOT NULL,
    client_id VARBINARY(255),
    sent TEXT NOT NULL,
    expected TEXT NOT NULL,
    request_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (reference),
    INDEX refusals_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
