-- documents on record, newest first
SELECT l.id, l.digest, l.name, l.title, l.person, l.added_at, l.layer, l.key, l.place_code,
    d.media_type, d.bytes, ST_AsGeoJSON(l.geom, 9, 0)::json AS geometry
FROM onemap.document_link AS l JOIN onemap.document AS d USING (digest)
WHERE l.withdrawn_at IS NULL
    AND (%(id)s::bigint IS NULL OR l.id = %(id)s)
    AND (%(layer)s::text IS NULL OR l.layer = %(layer)s)
    AND (%(key)s::bigint IS NULL OR l.key = %(key)s)
ORDER BY l.id DESC
LIMIT %(limit)s
