-- ends of pipes above the ground their point states, or not as deep below it as they say. A point
-- without a depth may have given its own level as the ground's (a CASS file has one height only)
SELECT CASE WHEN ST_Z(tip.place) > p.ground_m + %(tolerance_m)s THEN 'above_surface' ELSE 'depth_differs' END,
    s.n, NULL::bigint, jsonb_build_object({s_pairs}), tip.side,
    round((p.ground_m - ST_Z(tip.place))::numeric, 2)::text, tip.depth::text, tip.place
FROM standing AS s
CROSS JOIN LATERAL (VALUES
    ('from_point', s.from_point, ST_StartPoint(s.geom), s.from_depth_m),
    ('to_point', s.to_point, ST_EndPoint(s.geom), s.to_depth_m)
) AS tip(side, point, place, depth)
JOIN {points} AS p ON upper_inf(p.valid) AND p.point_id = tip.point
WHERE s.n IS NOT NULL AND p.ground_m IS NOT NULL AND p.depth_m IS NOT NULL AND (
    ST_Z(tip.place) > p.ground_m + %(tolerance_m)s
    OR abs(p.ground_m - ST_Z(tip.place) - tip.depth) > %(tolerance_m)s
)
