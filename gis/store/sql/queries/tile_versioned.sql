-- a vector tile and the delivery whose state it shows, both of one snapshot
SELECT {layers}, (
    SELECT id FROM onemap.delivery
    WHERE layer = %(layer)s AND undone_at IS NULL
        AND (%(version_at)s::timestamptz IS NULL OR as_of <= %(version_at)s)
    ORDER BY as_of DESC, id DESC LIMIT 1
)
