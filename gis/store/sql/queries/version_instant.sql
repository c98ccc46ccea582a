-- the moment that shows what a delivery left
SELECT as_of FROM onemap.delivery
WHERE id = %(version)s AND layer = %(layer)s AND undone_at IS NULL
