-- every refused row of a delivery, as it came
SELECT q.source_row AS row, q.code, q.zh, q.en, q.field, q.raw, q.wkt,
    coalesce(q.frame, d.frame ->> 'name') AS frame, q.frame IS NOT NULL AS stored
FROM onemap.quarantine AS q JOIN onemap.delivery AS d ON d.id = q.delivery
WHERE q.delivery = %(delivery)s
ORDER BY q.source_row, q.id
