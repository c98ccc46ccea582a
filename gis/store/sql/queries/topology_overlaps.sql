-- two polygons of the layer on the same ground; the one that came later in the file is named.
-- Only pairs with a suspect are looked at, and of these first the boxes, by area: neighbours that
-- only touch are most pairs, and their common box is thin
SELECT 'overlap', greatest(a.n, b.n), CASE WHEN a.n + b.n IS NOT NULL THEN least(a.n, b.n) END,
    CASE WHEN a.n IS NULL OR b.n > a.n THEN jsonb_build_object({b_pairs}) ELSE jsonb_build_object({a_pairs}) END,
    CASE WHEN a.n IS NULL OR b.n > a.n THEN concat_ws('/', {a_key}) ELSE concat_ws('/', {b_key}) END,
    round(common.m2::numeric, 2)::text, NULL, common.geom
FROM (SELECT DISTINCT id FROM suspect) AS s
JOIN standing AS a USING (id)
JOIN standing AS b ON a.geom && b.geom AND a.id <> b.id
CROSS JOIN LATERAL (
    SELECT (least(ST_XMax(a.geom), ST_XMax(b.geom)) - greatest(ST_XMin(a.geom), ST_XMin(b.geom)))
        * (least(ST_YMax(a.geom), ST_YMax(b.geom)) - greatest(ST_YMin(a.geom), ST_YMin(b.geom)))
        * %(m2_a_degree2)s * cos(radians(ST_YMin(a.geom))) AS m2
) AS box
CROSS JOIN LATERAL (
    SELECT ST_CollectionExtract(ST_Intersection(a.geom, b.geom), 3) AS geom OFFSET 0
) AS cut
CROSS JOIN LATERAL (
    SELECT cut.geom, ST_Area(cut.geom) * %(m2_a_degree2)s * cos(radians(ST_YMin(a.geom))) AS m2
) AS common
WHERE (a.n IS NOT NULL OR b.n IS NOT NULL)
    AND (a.id < b.id OR NOT EXISTS (SELECT FROM suspect AS t WHERE t.id = b.id))
    AND box.m2 > %(min_area_m2)s
    AND common.m2 > %(min_area_m2)s
