-- sewers whose invert rises from their start to their end
SELECT 'uphill', s.n, NULL::bigint, jsonb_build_object({s_pairs}),
    round(ST_Z(ST_StartPoint(s.geom))::numeric, 3)::text,
    round(ST_Z(ST_EndPoint(s.geom))::numeric, 3)::text, NULL, s.geom
FROM standing AS s
WHERE s.n IS NOT NULL AND s.kind = ANY (%(kinds)s)
    AND ST_Z(ST_EndPoint(s.geom)) > ST_Z(ST_StartPoint(s.geom)) + %(tolerance_m)s
