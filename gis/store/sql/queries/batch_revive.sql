-- a business key that was closed earlier comes back under its old number
UPDATE matched AS m SET key = known.key
FROM (
    SELECT DISTINCT b.line, old.key
    FROM matched JOIN batch AS b USING (line) JOIN {table} AS old ON ROW({batch_key}) = ROW({old_key})
    WHERE matched.version_id IS NULL
) AS known
WHERE m.line = known.line
