-- how many documents belong to each of some features: linked to it, or to a place that it covers (now,
-- or during a time)
SELECT found.key, count(DISTINCT found.id) FROM (
    SELECT l.key, l.id FROM onemap.document_link AS l
    WHERE l.withdrawn_at IS NULL AND l.layer = %(layer)s AND l.key = ANY (%(keys)s)
    UNION ALL
    SELECT t.key, l.id FROM {table} AS t
    JOIN onemap.document_link AS l
        ON l.layer IS NULL AND l.withdrawn_at IS NULL AND ST_Intersects(t.geom, l.geom)
    WHERE %(places)s AND t.key = ANY (%(keys)s)
        AND CASE WHEN %(during)s::tstzrange IS NULL THEN upper_inf(t.valid)
            ELSE t.valid && %(during)s::tstzrange END
) AS found
GROUP BY found.key
