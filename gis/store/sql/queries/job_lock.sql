-- ours as long as this connection lives, where nobody else runs it (0x6a6f62 = "job")
SELECT pg_try_advisory_lock(6975330, %(number)s)
