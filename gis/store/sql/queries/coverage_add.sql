-- what one strip showed
WITH s AS (INSERT INTO suspect SELECT unnest(%(suspects)s::bigint[]))
INSERT INTO hole SELECT ST_GeomFromWKB(wkb, 4490) FROM unnest(%(holes)s::bytea[]) AS wkb
