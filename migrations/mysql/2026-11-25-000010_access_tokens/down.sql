DROP TABLE IF EXISTS revoked_tokens;
DROP TABLE IF EXISTS opaque_access_tokens;
