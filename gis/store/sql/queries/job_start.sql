-- a job whose lock we hold begins, or begins again; none that was ended meanwhile
UPDATE onemap.job
SET state = 'running', attempts = attempts + 1, started_at = clock_timestamp(),
    updated_at = clock_timestamp(), progress = 0
WHERE number = %(number)s AND state IN ('accepted', 'running')
RETURNING id, process, inputs, layers, attempts
