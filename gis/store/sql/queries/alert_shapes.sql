-- current alerts with what scoring them against a truth needs
SELECT key, ST_AsBinary(geom) AS wkb, kind, string_to_array(reasons, ',') AS reasons, score
FROM {table}
WHERE upper_inf(valid) AND state <> 'dismissed'
ORDER BY key
