-- The audit: append-only. The database numbers the events; they are read in the order of (occurred_at, id).

CREATE TABLE IF NOT EXISTS audit_events (
    id BIGINT NOT NULL AUTO_INCREMENT,
    occurred_at BIGINT NOT NULL,
    kind VARBINARY(255) NOT NULL,
    actor_kind VARBINARY(255) NOT NULL,
    actor VARBINARY(1020),
    client_id VARBINARY(255),
    user_id VARBINARY(255),
    request_id VARBINARY(255),
    reference VARBINARY(255),
    source VARBINARY(255),
    detail MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    INDEX audit_events_occurred_at (occurred_at, id),
    INDEX audit_events_client_id (client_id, occurred_at, id),
    INDEX audit_events_user_id (user_id, occurred_at, id),
    INDEX audit_events_request_id (request_id),
    INDEX audit_events_reference (reference)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
