-- chambers of the kinds the delivery holds at which none of the layer's pipes ends
SELECT 'unjoined_chamber', NULL::bigint, NULL::bigint, jsonb_build_object('point_id', p.point_id),
    p.kind, p.{fixture}, NULL, p.geom
FROM {points} AS p
WHERE upper_inf(p.valid) AND p.{fixture} IS NOT NULL
    AND p.kind IN (SELECT DISTINCT kind FROM standing)
    AND NOT EXISTS (SELECT FROM standing AS s WHERE s.from_point = p.point_id)
    AND NOT EXISTS (SELECT FROM standing AS s WHERE s.to_point = p.point_id)
