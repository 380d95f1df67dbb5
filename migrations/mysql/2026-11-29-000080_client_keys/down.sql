DROP TABLE used_jwts;
