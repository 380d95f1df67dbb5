DROP TABLE IF EXISTS logout_outbox;
DROP TABLE IF EXISTS session_clients;
