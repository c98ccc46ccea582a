-- how many cells each caller has of each layer, and since when
SELECT caller, layer, array_agg(cell) AS cells, min(at) AS since, max(at) AS until
FROM onemap.area_taken GROUP BY caller, layer ORDER BY caller, layer
