-- the delivery that each of several layers' state at a moment comes from
SELECT l.id, (
    SELECT d.id FROM onemap.delivery AS d
    WHERE d.layer = l.id AND d.undone_at IS NULL AND (%(at)s::timestamptz IS NULL OR d.as_of <= %(at)s)
    ORDER BY d.as_of DESC, d.id DESC LIMIT 1
)
FROM unnest(%(layers)s::text[]) AS l (id)
