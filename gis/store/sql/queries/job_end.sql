-- a job ends once; one that was dismissed stays so
UPDATE onemap.job
SET state = %(state)s, error = %(error)s, result = %(result)s, finished_at = clock_timestamp(),
    updated_at = clock_timestamp(),
    progress = CASE WHEN %(state)s = 'successful' THEN 100 ELSE progress END
WHERE number = %(number)s AND state IN ('accepted', 'running')
