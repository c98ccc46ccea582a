-- a caller begins again
DELETE FROM onemap.area_taken WHERE caller = %(caller)s
