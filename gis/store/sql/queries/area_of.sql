-- the cells a caller has of a layer
SELECT cell FROM onemap.area_taken WHERE caller = %(caller)s AND layer = %(layer)s
