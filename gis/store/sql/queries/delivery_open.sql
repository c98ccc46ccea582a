-- the ledger's line, in the same transaction as its effect
INSERT INTO onemap.delivery (layer, source, digest, department, person, mode, as_of, frame)
VALUES (%(layer)s, %(source)s, %(digest)s, %(department)s, %(person)s, %(mode)s, %(as_of)s, %(frame)s)
RETURNING id
