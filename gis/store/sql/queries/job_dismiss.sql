-- nobody wants it any more: it does not run, or its result is dropped
UPDATE onemap.job
SET state = 'dismissed', result = NULL, error = NULL, updated_at = clock_timestamp(),
    finished_at = coalesce(finished_at, clock_timestamp())
WHERE id = %(id)s
RETURNING id
