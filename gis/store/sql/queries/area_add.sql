-- cells taken, once however often; several callers in one statement
INSERT INTO onemap.area_taken (caller, layer, cell)
SELECT * FROM unnest(%(callers)s::text[], %(layers)s::text[], %(cells)s::bigint[])
ON CONFLICT DO NOTHING
