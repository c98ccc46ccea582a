-- a code that names a county the feature does not lie in (outlines are generalised: with a margin),
-- or one that is no county of the city
SELECT CASE WHEN own.geom IS NULL THEN 'unknown_county' ELSE 'other_county' END, s.n, NULL::bigint,
    jsonb_build_object({s_pairs}), left(s.{field}, 6), own.name, there.name, s.geom
FROM standing AS s
LEFT JOIN {areas} AS own ON upper_inf(own.valid) AND own.code = left(s.{field}, 6)
LEFT JOIN LATERAL (
    SELECT c.code || ' ' || c.name AS name FROM {areas} AS c
    WHERE upper_inf(c.valid) AND c.level = 'county' AND c.code <> left(s.{field}, 6)
        AND ST_Intersects(c.geom, ST_Centroid(s.geom))
    LIMIT 1
) AS there ON own.geom IS NULL OR NOT ST_Intersects(own.geom, ST_Centroid(s.geom))
WHERE s.n IS NOT NULL AND s.{field} IS NOT NULL AND (
    own.geom IS NULL OR (
        NOT ST_Intersects(own.geom, ST_Centroid(s.geom))
        AND NOT ST_DWithin(own.geom, ST_Centroid(s.geom), %(margin)s)
    )
)
