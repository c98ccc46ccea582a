-- the end of the chain
SELECT id, digest FROM onemap.audit ORDER BY id DESC LIMIT 1
