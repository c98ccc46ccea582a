-- the next may have it
SELECT pg_advisory_unlock(6975330, %(number)s)
