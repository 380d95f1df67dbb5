-- The audit: append-only. The database numbers the events; they are read in the order of (occurred_at, id).

CREATE TABLE audit_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    occurred_at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    user_id TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    reference TEXT COLLATE "C",
    source TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX audit_events_occurred_at ON audit_events (occurred_at, id);
CREATE INDEX audit_events_client_id ON audit_events (client_id, occurred_at, id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_events_user_id ON audit_events (user_id, occurred_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_request_id ON audit_events (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_events_reference ON audit_events (reference) WHERE reference IS NOT NULL;
