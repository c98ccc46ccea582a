-- one delivery of a layer at a time; let go when the transaction ends, however it ends
SELECT pg_advisory_xact_lock(28526, hashtext(%(layer)s))
