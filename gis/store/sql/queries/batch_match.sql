-- the rows that have just come beside the current versions of the same business keys: which differ
INSERT INTO matched (line, version_id, key, same_attributes)
SELECT b.line, old.version_id, old.key, coalesce(old.content_hash = b.content_hash, false)
FROM batch AS b
LEFT JOIN {table} AS old ON upper_inf(old.valid) AND ROW({batch_key}) = ROW({old_key})
WHERE b.line > %(after)s
    AND NOT coalesce(old.content_hash = b.content_hash AND old.geom = b.geom, false)
