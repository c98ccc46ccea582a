-- what the layer would hold about the rows of an upsert: these, and the features that stay near them
CREATE TEMP TABLE standing ON COMMIT DROP AS
SELECT b.line AS id, b.n, {batch_columns}, b.geom FROM batch AS b
UNION ALL
SELECT -old.version_id, NULL, {old_columns}, old.geom
FROM {table} AS old
WHERE old.version_id IN (
    SELECT o.version_id FROM batch AS b JOIN {table} AS o ON o.geom && ST_Expand(b.geom, %(around)s)
    WHERE upper_inf(o.valid)
) AND NOT EXISTS (SELECT FROM batch AS b WHERE ROW({batch_key}) = ROW({old_key}))
