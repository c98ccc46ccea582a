-- by layer, the delivery that its state at a time comes from
SELECT DISTINCT ON (layer) id, layer, source, department, as_of, received_at
FROM onemap.delivery
WHERE undone_at IS NULL AND (%(at)s::timestamptz IS NULL OR as_of <= %(at)s)
ORDER BY layer, as_of DESC, id DESC
