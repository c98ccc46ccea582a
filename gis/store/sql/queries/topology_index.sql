-- pairs of neighbours are looked for by box
CREATE INDEX ON standing USING gist (geom);
ANALYZE standing
