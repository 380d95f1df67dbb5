DROP INDEX IF EXISTS clients_updated_at;
