-- the box around the rows of a query
SELECT ST_XMin(e.box), ST_YMin(e.box), ST_XMax(e.box), ST_YMax(e.box)
FROM (SELECT ST_Extent(t.geom) AS box FROM {table} AS t WHERE {where}) AS e
