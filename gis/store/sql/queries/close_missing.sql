-- a full delivery ends every current version it no longer holds; a row that was refused still says
-- that its feature is there
UPDATE {table} AS old
SET valid = tstzrange(lower(old.valid), %(as_of)s), closed_by = %(delivery)s
WHERE upper_inf(old.valid) AND NOT EXISTS (
    SELECT FROM batch AS b WHERE ROW({batch_key}) = ROW({old_key})
) AND NOT EXISTS (
    SELECT FROM kept AS k WHERE ROW({kept_key}) = ROW({old_key})
)
