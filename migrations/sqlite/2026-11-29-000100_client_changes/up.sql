CREATE INDEX clients_updated_at ON clients (updated_at);
