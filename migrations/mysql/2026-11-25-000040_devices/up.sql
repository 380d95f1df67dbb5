-- What is remembered of the browser that signed in; NULL for sessions that began before. One statement adds all three
-- columns, and only where they are missing: DDL is not transactional here, so every migration may run again.

SET @missing = (
    SELECT COUNT(*) = 0 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'browser'
);
SET @statement = IF(
    @missing,
    'ALTER TABLE sessions ADD COLUMN browser TEXT, ADD COLUMN `system` TEXT, ADD COLUMN network TEXT',
    'DO 0'
);
PREPARE add_columns FROM @statement;
EXECUTE add_columns;
DEALLOCATE PREPARE add_columns;
