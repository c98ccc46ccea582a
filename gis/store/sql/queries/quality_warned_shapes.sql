-- where warnings point to, for the sketch
SELECT code, ST_AsBinary(geom) FROM onemap.warning
WHERE delivery = %(delivery)s AND geom IS NOT NULL
ORDER BY id
LIMIT %(most)s
