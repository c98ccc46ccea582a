-- rows that differ by their geometry alone: perhaps only its digits do
SELECT m.line, ST_AsBinary(old.geom), ST_AsBinary(b.geom)
FROM matched AS m JOIN batch AS b USING (line) JOIN {table} AS old USING (version_id)
WHERE m.same_attributes
