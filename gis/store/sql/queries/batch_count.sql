-- what the delivery amounts to, before it is applied
SELECT count(*) FILTER (WHERE version_id IS NULL), count(*) FILTER (WHERE version_id IS NOT NULL)
FROM matched
