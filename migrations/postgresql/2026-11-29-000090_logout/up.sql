CREATE TABLE session_clients (
    session_hash BYTEA NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    sid TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (session_hash, client_id, sid)
);
CREATE INDEX session_clients_user ON session_clients (user_id);
CREATE INDEX session_clients_expires_at ON session_clients (expires_at);

INSERT INTO session_clients (session_hash, client_id, sid, user_id, created_at, expires_at)
    SELECT sessions.hash, grants.client_id, sessions.sid, sessions.user_id, MIN(grants.created_at), sessions.expires_at
    FROM sessions INNER JOIN grants ON grants.user_id = sessions.user_id AND grants.sid = sessions.sid
    GROUP BY sessions.hash, grants.client_id, sessions.sid, sessions.user_id, sessions.expires_at;

CREATE TABLE logout_outbox (
    id BYTEA NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    sid TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    problem TEXT,
    given_up_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX logout_outbox_due_at ON logout_outbox (due_at);
CREATE INDEX logout_outbox_expires_at ON logout_outbox (expires_at);
