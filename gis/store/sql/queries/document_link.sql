-- where a file belongs; linking it to the same thing again changes nothing
INSERT INTO onemap.document_link (digest, name, title, person, layer, key, place_code, geom)
VALUES (%(digest)s, %(name)s, %(title)s, %(person)s, %(layer)s, %(key)s, %(place_code)s,
    ST_GeomFromWKB(%(geom)s, 4490))
ON CONFLICT DO NOTHING
