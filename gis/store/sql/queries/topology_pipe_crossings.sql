-- pipes that meet without a common point, their bodies (invert to crown) at the same height there
SELECT 'pipes_collide', greatest(a.n, b.n), CASE WHEN a.n + b.n IS NOT NULL THEN least(a.n, b.n) END,
    CASE WHEN a.n IS NULL OR b.n > a.n THEN jsonb_build_object({b_pairs}) ELSE jsonb_build_object({a_pairs}) END,
    CASE WHEN a.n IS NULL OR b.n > a.n THEN concat_ws('/', {a_key}) ELSE concat_ws('/', {b_key}) END,
    round(CASE WHEN a.n IS NULL OR b.n > a.n THEN meet.zb ELSE meet.za END::numeric, 2)::text,
    round(CASE WHEN a.n IS NULL OR b.n > a.n THEN meet.za ELSE meet.zb END::numeric, 2)::text, meet.place
FROM standing AS a JOIN standing AS b ON a.geom && b.geom AND a.id < b.id
CROSS JOIN LATERAL (
    SELECT ST_PointOnSurface(ST_Intersection(ST_Force2D(a.geom), ST_Force2D(b.geom))) AS place OFFSET 0
) AS at
CROSS JOIN LATERAL (
    SELECT at.place,
        ST_Z(ST_LineInterpolatePoint(a.geom, ST_LineLocatePoint(ST_Force2D(a.geom), at.place))) AS za,
        ST_Z(ST_LineInterpolatePoint(b.geom, ST_LineLocatePoint(ST_Force2D(b.geom), at.place))) AS zb
) AS meet
WHERE (a.n IS NOT NULL OR b.n IS NOT NULL)
    AND NOT ARRAY[a.from_point, a.to_point] && ARRAY[b.from_point, b.to_point]
    AND ST_Intersects(a.geom, b.geom)
    AND meet.za < meet.zb + coalesce(b.diameter_mm, 0) / 1000.0 + %(clearance_m)s
    AND meet.zb < meet.za + coalesce(a.diameter_mm, 0) / 1000.0 + %(clearance_m)s
