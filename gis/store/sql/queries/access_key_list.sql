-- every key there ever was, newest first
SELECT id, name, digest, roles, added_by, added_at, expires_at, revoked_at, revoked_by
FROM onemap.access_key ORDER BY id DESC
