-- documents that bear on a place: linked to a shape that meets it, or to a feature found on it
SELECT l.id, l.digest, l.name, l.title, l.person, l.added_at, l.layer, l.key, l.place_code,
    d.media_type, d.bytes, ST_AsGeoJSON(l.geom, 9, 0)::json AS geometry
FROM onemap.document_link AS l JOIN onemap.document AS d USING (digest)
WHERE (l.withdrawn_at IS NULL OR l.withdrawn_at > %(at)s::timestamptz)
    AND (%(at)s::timestamptz IS NULL OR l.added_at <= %(at)s)
    AND (
        (l.layer IS NULL AND ST_Intersects(l.geom, ST_GeomFromWKB(%(place)s, 4490)))
        OR (l.layer, l.key) IN (
            SELECT * FROM unnest(%(layers)s::text[], %(keys)s::bigint[])
        )
    )
ORDER BY l.id DESC
LIMIT %(limit)s
