-- holes in the ground the layer covers, small or thin enough to be nobody's intention, larger than
-- what rounding of coordinates makes
WITH measured AS (
    SELECT geom, ST_Area(geom::geography) AS m2, ST_Perimeter(geom::geography) AS m FROM hole
)
SELECT 'gap', beside.n, NULL::bigint, beside.key, round(m2::numeric, 3)::text,
    round((2 * m2 / m)::numeric, 3)::text, NULL, measured.geom
FROM measured
CROSS JOIN LATERAL (
    SELECT s.n, jsonb_build_object({s_pairs}) AS key
    FROM standing AS s WHERE s.geom && measured.geom AND ST_Intersects(s.geom, measured.geom)
    ORDER BY s.n NULLS LAST LIMIT 1
) AS beside
WHERE m > 0 AND m2 >= %(min_area_m2)s AND (m2 <= %(max_area_m2)s OR 2 * m2 / m <= %(max_width_m)s)
    AND beside.n IS NOT NULL
    AND NOT EXISTS (
        -- an upsert looks at its neighbourhood only: what seems a hole may be a feature beyond it
        SELECT FROM {table} AS o
        WHERE upper_inf(o.valid) AND %(upsert)s AND o.geom && measured.geom
            AND NOT EXISTS (SELECT FROM batch AS b WHERE ROW({batch_key}) = ROW({o_key}))
            AND ST_Intersects(o.geom, ST_PointOnSurface(measured.geom))
    )
