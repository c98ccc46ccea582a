-- west edges of strips that hold about as many features each, and the ground they lie on
SELECT percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY ST_XMin(geom)),
    min(ST_YMin(geom)), max(ST_XMax(geom)), max(ST_YMax(geom))
FROM standing
