-- a key opens nothing from now on; it stays on record
UPDATE onemap.access_key SET revoked_at = now(), revoked_by = %(by)s
WHERE name = %(name)s AND revoked_at IS NULL
RETURNING id
