-- features that reach into a strip
SELECT id, ST_AsBinary(ST_Force2D(geom)) FROM standing
WHERE geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)
