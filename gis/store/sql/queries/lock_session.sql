-- one initialiser at a time; let go with the connection at the latest
SELECT pg_advisory_lock(28525, 0)
