-- what the delivery amounts to, before it is applied
SELECT count(*),
    count(*) FILTER (WHERE version_id IS NULL),
    count(*) FILTER (WHERE version_id IS NOT NULL AND NOT (same_attributes AND same_geometry))
FROM matched
