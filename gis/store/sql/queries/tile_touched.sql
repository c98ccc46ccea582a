-- whether a tile made of delivery %(old)s can differ now: that delivery is no longer in force, or
-- a later one opened or closed something there
SELECT NOT EXISTS (
    SELECT FROM onemap.delivery WHERE id = %(old)s AND undone_at IS NULL
) OR EXISTS (
    SELECT FROM {table} AS t
    WHERE t.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)
        AND (t.opened_by > %(old)s OR t.closed_by > %(old)s)
)
