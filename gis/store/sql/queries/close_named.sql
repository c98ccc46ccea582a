-- a delete delivery ends what it names
UPDATE {table} AS old
SET valid = tstzrange(lower(old.valid), %(as_of)s), closed_by = %(delivery)s
FROM matched AS m
WHERE old.version_id = m.version_id
