-- the number of current features follows each delivery, so that counting them costs nothing
UPDATE onemap.layer SET features = features + %(more)s WHERE id = %(layer)s
