-- jobs, newest first: of one caller, or all
SELECT id, process, who, layers, state, progress, attempts, created_at, started_at, finished_at,
    updated_at, error
FROM onemap.job
WHERE (%(who)s::text IS NULL OR who = %(who)s)
    AND (%(process)s::text IS NULL OR process = %(process)s)
    AND (%(states)s::text[] IS NULL OR state = ANY(%(states)s))
ORDER BY number DESC
LIMIT %(limit)s OFFSET %(offset)s
