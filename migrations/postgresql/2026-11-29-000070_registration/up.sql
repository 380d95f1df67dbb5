-- What may happen so often only: initial access tokens, registrations within an hour. A row is one of them, with how often
-- it has happened.
CREATE TABLE quotas (
    subject BYTEA NOT NULL,
    uses BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject)
);
CREATE INDEX quotas_expires_at ON quotas (expires_at);

-- Clients that anybody has registered. One that nobody has used ends at expires_at; NULL: it has been used.
CREATE TABLE open_registrations (
    client_id TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (client_id)
);
CREATE INDEX open_registrations_expires_at ON open_registrations (expires_at);
