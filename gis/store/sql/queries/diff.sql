-- what differs between two moments: features whose version then is not the one they have later
WITH touched AS (
    SELECT DISTINCT t.key FROM {table} AS t
    WHERE {where} AND t.key > %(after)s
        AND (t.valid @> %(start)s::timestamptz) <> (t.valid @> %(end)s::timestamptz)
)
SELECT touched.key, old.properties AS before, new.properties AS after,
    old.ended AS ended, new.began AS began,
    ST_AsEWKB(old.geom) IS DISTINCT FROM ST_AsEWKB(new.geom) AS moved,
    ST_AsGeoJSON(old.geom, %(digits)s, 0)::json AS old_geometry,
    ST_AsGeoJSON(new.geom, %(digits)s, 0)::json AS new_geometry
FROM touched
LEFT JOIN LATERAL (
    SELECT t.content_hash, t.geom, upper(t.valid) AS ended,
        (SELECT row_to_json(p) FROM (SELECT {properties}) AS p) AS properties
    FROM {table} AS t WHERE t.key = touched.key AND t.valid @> %(start)s::timestamptz
) AS old ON true
LEFT JOIN LATERAL (
    SELECT t.content_hash, t.geom, lower(t.valid) AS began,
        (SELECT row_to_json(p) FROM (SELECT {properties}) AS p) AS properties
    FROM {table} AS t WHERE t.key = touched.key AND t.valid @> %(end)s::timestamptz
) AS new ON true
WHERE old.content_hash IS DISTINCT FROM new.content_hash
    OR ST_AsEWKB(old.geom) IS DISTINCT FROM ST_AsEWKB(new.geom)
ORDER BY touched.key
LIMIT %(limit)s
