-- how many features are new, changed and closed between two moments, by the same rule as diff
WITH touched AS (
    SELECT DISTINCT t.key FROM {table} AS t
    WHERE {where}
        AND (t.valid @> %(start)s::timestamptz) <> (t.valid @> %(end)s::timestamptz)
)
SELECT count(*) FILTER (WHERE old.content_hash IS NULL) AS new,
    count(*) FILTER (WHERE old.content_hash IS NOT NULL AND new.content_hash IS NOT NULL) AS changed,
    count(*) FILTER (WHERE new.content_hash IS NULL) AS closed
FROM touched
LEFT JOIN LATERAL (
    SELECT t.content_hash, t.geom FROM {table} AS t
    WHERE t.key = touched.key AND t.valid @> %(start)s::timestamptz
) AS old ON true
LEFT JOIN LATERAL (
    SELECT t.content_hash, t.geom FROM {table} AS t
    WHERE t.key = touched.key AND t.valid @> %(end)s::timestamptz
) AS new ON true
WHERE old.content_hash IS DISTINCT FROM new.content_hash
    OR ST_AsEWKB(old.geom) IS DISTINCT FROM ST_AsEWKB(new.geom)
