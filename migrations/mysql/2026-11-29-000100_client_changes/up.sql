-- There is no CREATE INDEX IF NOT EXISTS here.
SET @ddl = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX clients_updated_at ON clients (updated_at)', 'DO 0')
            FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'clients' AND index_name = 'clients_updated_at');
PREPARE migration FROM @ddl;
EXECUTE migration;
DEALLOCATE PREPARE migration;
