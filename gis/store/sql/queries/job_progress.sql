-- how far a job is, and whether somebody has dismissed it
UPDATE onemap.job SET progress = %(progress)s, updated_at = clock_timestamp()
WHERE number = %(number)s AND state = 'running'
RETURNING number
