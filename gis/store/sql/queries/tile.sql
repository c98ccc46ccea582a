-- a layer of a vector tile. By key, so that the same state always gives the same bytes
SELECT ST_AsMVT(m, {name}, 4096, 'geom', 'key')
FROM (
    SELECT t.key, {properties}, ST_AsMVTGeom({shape}, {frame}, 4096, 64, true) AS geom
    FROM {chosen} AS t {latest}
    ORDER BY t.key, lower(t.valid)
) AS m
WHERE m.geom IS NOT NULL
