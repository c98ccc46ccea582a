-- the version of a feature that is in force, whole, as whoever edits it goes by it
SELECT t.key, t.version_id, t.accuracy_m, t.extra, ST_AsBinary(t.geom) AS wkb, {columns}
FROM {table} AS t
WHERE upper_inf(t.valid) AND {which}
