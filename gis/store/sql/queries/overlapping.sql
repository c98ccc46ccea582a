-- features that would have two versions at one time; there are never any, and this is who says so
SELECT new.key
FROM {table} AS new JOIN {table} AS old ON old.key = new.key AND old.version_id < new.version_id
WHERE new.opened_by = %(delivery)s AND old.valid && new.valid
LIMIT 1
