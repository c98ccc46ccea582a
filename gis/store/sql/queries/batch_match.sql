-- each row beside the current version of the same business key, if there is one
CREATE TEMP TABLE matched ON COMMIT DROP AS
SELECT b.line, old.version_id, old.key,
    coalesce(old.content_hash = b.content_hash, false) AS same_attributes,
    coalesce(old.geom = b.geom, false) AS same_geometry
FROM batch AS b
LEFT JOIN {table} AS old ON upper_inf(old.valid) AND ROW({batch_key}) = ROW({old_key})
