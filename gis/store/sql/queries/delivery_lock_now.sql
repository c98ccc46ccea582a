-- one delivery of a layer at a time; let go when the transaction ends. False: another is under way
SELECT pg_try_advisory_xact_lock(28526, hashtext(%(layer)s))
