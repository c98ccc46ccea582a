-- what belongs to a feature: linked to it, or to a place that it covers (now, or during a time)
SELECT l.id, l.digest, l.name, l.title, l.person, l.added_at, l.layer, l.key, l.place_code,
    d.media_type, d.bytes, ST_AsGeoJSON(l.geom, 9, 0)::json AS geometry
FROM onemap.document_link AS l JOIN onemap.document AS d USING (digest)
WHERE l.withdrawn_at IS NULL AND (
    (l.layer = %(layer)s AND l.key = %(key)s)
    OR (l.layer IS NULL AND EXISTS (
        SELECT FROM {table} AS t
        WHERE t.key = %(key)s AND ST_Intersects(t.geom, l.geom)
            AND CASE WHEN %(during)s::tstzrange IS NULL THEN upper_inf(t.valid)
                ELSE t.valid && %(during)s::tstzrange END
    ))
)
ORDER BY l.id DESC
LIMIT %(limit)s
