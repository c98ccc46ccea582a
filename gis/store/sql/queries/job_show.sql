-- one job, without its result
SELECT id, process, who, layers, state, progress, attempts, created_at, started_at, finished_at,
    updated_at, error
FROM onemap.job WHERE id = %(id)s
