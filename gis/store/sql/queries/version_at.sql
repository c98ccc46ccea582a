-- the delivery a layer's state at a moment comes from
SELECT id, as_of FROM onemap.delivery
WHERE layer = %(layer)s AND undone_at IS NULL AND (%(at)s::timestamptz IS NULL OR as_of <= %(at)s)
ORDER BY as_of DESC, id DESC LIMIT 1
