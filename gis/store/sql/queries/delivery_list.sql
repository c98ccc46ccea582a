-- the ledger, newest first; undone deliveries stay on record
SELECT id, layer, source, digest, department, person, mode, as_of, frame, received_at,
    accepted, new, changed, unchanged, closed, quarantined, undone_at
FROM onemap.delivery
WHERE (%(layer)s::text IS NULL OR layer = %(layer)s) AND (%(id)s::bigint IS NULL OR id = %(id)s)
ORDER BY id DESC
