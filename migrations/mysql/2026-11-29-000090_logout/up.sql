CREATE TABLE IF NOT EXISTS session_clients (
    session_hash BINARY(32) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    sid VARBINARY(255) NOT NULL,
    user_id VARBINARY(255) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (session_hash, client_id, sid),
    INDEX session_clients_user (user_id),
    INDEX session_clients_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO session_clients (session_hash, client_id, sid, user_id, created_at, expires_at)
    SELECT sessions.hash, grants.client_id, sessions.sid, sessions.user_id, MIN(grants.created_at), sessions.expires_at
    FROM sessions INNER JOIN grants ON grants.user_id = sessions.user_id AND grants.sid = sessions.sid
    GROUP BY sessions.hash, grants.client_id, sessions.sid, sessions.user_id, sessions.expires_at;

CREATE TABLE IF NOT EXISTS logout_outbox (
    id BINARY(32) NOT NULL,
    client_id VARBINARY(255) NOT NULL,
    user_id VARBINARY(255) NOT NULL,
    sid VARBINARY(255) NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    problem TEXT,
    given_up_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    INDEX logout_outbox_due_at (due_at),
    INDEX logout_outbox_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
