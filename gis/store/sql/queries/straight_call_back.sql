-- a copy of them where rows are looked at
INSERT INTO batch (line, n, {columns}, extra, geom, content_hash, accuracy_m, place_code)
OVERRIDING SYSTEM VALUE
SELECT c.line, c.n, {columns}, extra, geom, content_hash, accuracy_m, place_code
FROM called AS c JOIN {table} USING (key)
