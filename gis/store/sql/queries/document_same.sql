-- the link that is there already
SELECT id FROM onemap.document_link
WHERE withdrawn_at IS NULL AND digest = %(digest)s
    AND layer IS NOT DISTINCT FROM %(layer)s::text AND key IS NOT DISTINCT FROM %(key)s::bigint
    AND place_code IS NOT DISTINCT FROM %(place_code)s::text
    AND (layer IS NOT NULL OR ST_AsBinary(geom) = %(geom)s::bytea)
