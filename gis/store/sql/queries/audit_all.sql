-- the whole chain, oldest first
SELECT id, at, who, address, action, target, detail, algorithm, previous, digest
FROM onemap.audit ORDER BY id
