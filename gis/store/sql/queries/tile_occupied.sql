-- which of many boxes hold anything
SELECT b.i::int
FROM unnest(%(west)s::float8[], %(south)s::float8[], %(east)s::float8[], %(north)s::float8[])
    WITH ORDINALITY AS b (west, south, east, north, i)
CROSS JOIN LATERAL (
    SELECT ST_MakeEnvelope(b.west, b.south, b.east, b.north, 4490) AS box
) AS e
WHERE EXISTS (
    SELECT FROM {table} AS t WHERE t.geom && e.box AND ST_Intersects(t.geom, e.box) AND {where}
)
