-- the newest entries, of one person or action where asked
SELECT id, at, who, address, action, target, detail
FROM onemap.audit
WHERE (%(who)s::text IS NULL OR who = %(who)s) AND (%(action)s::text IS NULL OR action = %(action)s)
ORDER BY id DESC LIMIT %(limit)s
