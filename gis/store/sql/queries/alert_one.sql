-- the current version of one alert, by key or by number
SELECT key, version_id, ST_AsBinary(geom) AS wkb, accuracy_m, place_code, lower(valid) AS valid_from, {columns}
FROM {table}
WHERE upper_inf(valid) AND (key = %(key)s OR alert_id = %(alert_id)s)
