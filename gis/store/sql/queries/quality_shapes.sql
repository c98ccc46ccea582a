-- where refused rows lie, for a sketch
SELECT q.code, q.wkt, coalesce(q.frame, d.frame ->> 'name') AS frame
FROM onemap.quarantine AS q JOIN onemap.delivery AS d ON d.id = q.delivery
WHERE q.delivery = %(delivery)s AND q.wkt IS NOT NULL
ORDER BY q.source_row, q.id
LIMIT %(most)s
