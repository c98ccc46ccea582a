-- the same rows as values, for tiles and rules
SELECT t.key, t.version_id, t.opened_by, t.accuracy_m, lower(t.valid), upper(t.valid), {geometry},
    {properties}
FROM {table} AS t {latest}
WHERE {where}
ORDER BY {order}
LIMIT %(limit)s OFFSET %(offset)s
