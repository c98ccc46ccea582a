-- the connection goes back to its pool: it must not take the lock along
SELECT pg_advisory_unlock(28525, 0)
