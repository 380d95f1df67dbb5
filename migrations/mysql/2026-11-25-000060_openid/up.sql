-- There is no ADD COLUMN IF NOT EXISTS here.
SET @ddl = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE grants ADD COLUMN claims MEDIUMTEXT', 'DO 0')
            FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'grants' AND column_name = 'claims');
PREPARE migration FROM @ddl;
EXECUTE migration;
DEALLOCATE PREPARE migration;
