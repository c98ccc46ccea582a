-- a delete delivery ends what it names
UPDATE {table} AS old
SET valid = tstzrange(lower(old.valid), %(as_of)s), closed_by = %(delivery)s
FROM batch AS b
WHERE upper_inf(old.valid) AND ROW({batch_key}) = ROW({old_key})
