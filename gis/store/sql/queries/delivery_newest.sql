-- the delivery a layer's current state comes from, and the database's own clock
SELECT newest.id, newest.as_of, clock_timestamp() AS now, layer.features
FROM onemap.layer
LEFT JOIN LATERAL (
    SELECT id, as_of FROM onemap.delivery
    WHERE delivery.layer = layer.id AND undone_at IS NULL
    ORDER BY as_of DESC, id DESC LIMIT 1
) AS newest ON true
WHERE layer.id = %(layer)s
