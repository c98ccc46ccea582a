-- ends of pipes that name no point there is, or lie elsewhere than their point
SELECT CASE WHEN p.geom IS NULL THEN 'dangling_end' ELSE 'end_away' END, s.n, NULL::bigint,
    jsonb_build_object({s_pairs}), tip.side, tip.point,
    round(ST_DistanceSphere(ST_Force2D(p.geom), ST_Force2D(tip.place))::numeric, 3)::text, tip.place
FROM standing AS s
CROSS JOIN LATERAL (VALUES
    ('from_point', s.from_point, ST_StartPoint(s.geom)), ('to_point', s.to_point, ST_EndPoint(s.geom))
) AS tip(side, point, place)
LEFT JOIN {points} AS p ON upper_inf(p.valid) AND p.point_id = tip.point
WHERE s.n IS NOT NULL AND tip.point IS NOT NULL AND (
    p.geom IS NULL OR ST_DistanceSphere(ST_Force2D(p.geom), ST_Force2D(tip.place)) > %(tolerance_m)s
)
