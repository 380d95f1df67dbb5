ALTER TABLE sessions DROP COLUMN network;
ALTER TABLE sessions DROP COLUMN system;
ALTER TABLE sessions DROP COLUMN browser;
