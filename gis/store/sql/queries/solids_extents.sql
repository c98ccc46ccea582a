-- where every feature lies and the values its solid is made of, without its geometry: the quadtree
SELECT t.key, ST_XMin(t.geom), ST_YMin(t.geom), ST_XMax(t.geom), ST_YMax(t.geom),
    CASE WHEN ST_Zmflag(t.geom) IN (2, 3) THEN ST_ZMin(t.geom) END,
    CASE WHEN ST_Zmflag(t.geom) IN (2, 3) THEN ST_ZMax(t.geom) END, {properties}
FROM {table} AS t
WHERE {where}
ORDER BY t.key
