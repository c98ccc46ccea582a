-- what is smaller than a cell (a few pixels) is shown once a cell, the biggest of it
(
    SELECT DISTINCT ON (s.big, s.cx, s.cy) s.*
    FROM (
        SELECT t.*, e.size, e.size >= %(cell)s AS big,
            CASE WHEN e.size >= %(cell)s THEN t.key
                ELSE floor(ST_XMin(t.geom) / %(cell)s)::bigint END AS cx,
            CASE WHEN e.size >= %(cell)s THEN 0
                ELSE floor(ST_YMin(t.geom) / %(cell)s)::bigint END AS cy
        FROM {table} AS t
        CROSS JOIN LATERAL (
            SELECT greatest(
                ST_XMax(t.geom) - ST_XMin(t.geom), ST_YMax(t.geom) - ST_YMin(t.geom)
            ) AS size OFFSET 0
        ) AS e
        WHERE {where}
    ) AS s
    ORDER BY s.big, s.cx, s.cy, s.size DESC, s.key
)
