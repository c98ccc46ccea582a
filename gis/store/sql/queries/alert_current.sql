-- alerts that a new finding may be about, so that a place keeps its number
SELECT key, ST_AsBinary(geom) AS wkb, accuracy_m, {columns}
FROM {table}
WHERE upper_inf(valid) AND geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)
