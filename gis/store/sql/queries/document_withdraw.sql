-- a link that was wrong no longer shows, and who took it back is on record
UPDATE onemap.document_link SET withdrawn_at = now(), withdrawn_by = %(by)s
WHERE id = %(id)s AND withdrawn_at IS NULL
