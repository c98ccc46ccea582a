-- one writer at a time: each row needs the digest of the one before
SELECT pg_advisory_xact_lock(28525, 60)
