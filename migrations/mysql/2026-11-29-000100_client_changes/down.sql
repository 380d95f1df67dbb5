DROP INDEX clients_updated_at ON clients;
