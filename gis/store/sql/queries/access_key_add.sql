-- a key comes on record by its digest
INSERT INTO onemap.access_key (name, digest, roles, added_by, expires_at)
VALUES (%(name)s, %(digest)s, %(roles)s, %(added_by)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING id
