-- a vector tile. CGCS2000 is taken as WGS 84 for Web Mercator: the same within the stated metre
SELECT ST_AsMVT(m, %(layer)s, 4096, 'geom', 'key')
FROM (
    SELECT t.key, {properties}, ST_AsMVTGeom(
        ST_Transform(ST_SetSRID(t.geom, 4326), 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s),
        4096, 64, true
    ) AS geom
    FROM {chosen} AS t {latest}
) AS m
WHERE m.geom IS NOT NULL
