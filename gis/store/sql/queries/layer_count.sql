-- the current features, as each delivery left them
SELECT features FROM onemap.layer WHERE id = %(layer)s
