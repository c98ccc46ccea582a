-- a version that the delivery replaces ends where the new one begins
UPDATE {table} AS old
SET valid = tstzrange(lower(old.valid), %(as_of)s), closed_by = %(delivery)s
FROM matched AS m
WHERE old.version_id = m.version_id
