-- current features one of whose names or numbers holds the text: the same first, then its begin
SELECT f.key, f.title, f.number, f.rank,
    round(ST_X(p.at)::numeric, 7)::float8 AS lon, round(ST_Y(p.at)::numeric, 7)::float8 AS lat,
    ST_XMin(f.geom) AS west, ST_YMin(f.geom) AS south,
    ST_XMax(f.geom) AS east, ST_YMax(f.geom) AS north
FROM (
    SELECT t.key, t.geom, {title} AS title, {number} AS number, least({ranks}) AS rank
    FROM {table} AS t
    WHERE upper_inf(t.valid) AND ({matches})
    ORDER BY rank, length({title}), t.key
    LIMIT %(limit)s
) AS f
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(f.geom) AS at) AS p
