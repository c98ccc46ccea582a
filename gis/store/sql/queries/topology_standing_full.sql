-- what the layer would hold after a full delivery: its rows, and features kept for a refused row
CREATE TEMP TABLE standing ON COMMIT DROP AS
SELECT b.line AS id, b.n, {batch_columns}, b.geom FROM batch AS b
UNION ALL
SELECT -old.version_id, NULL, {old_columns}, old.geom
FROM {table} AS old
WHERE upper_inf(old.valid)
    AND EXISTS (SELECT FROM kept AS k WHERE ROW({kept_key}) = ROW({old_key}))
    AND NOT EXISTS (SELECT FROM batch AS b WHERE ROW({batch_key}) = ROW({old_key}))
