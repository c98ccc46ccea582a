-- one entry at the end of the chain
INSERT INTO onemap.audit
    (id, at, who, address, action, target, detail, algorithm, previous, digest)
VALUES (%(id)s, %(at)s, %(who)s, %(address)s, %(action)s, %(target)s, %(detail)s, %(algorithm)s,
    %(previous)s, %(digest)s)
