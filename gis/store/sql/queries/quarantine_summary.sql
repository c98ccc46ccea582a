-- what was refused and why, a line a reason
SELECT q.delivery, d.layer, d.source, q.code, count(*) AS rows, min(q.zh) AS zh, min(q.en) AS en
FROM onemap.quarantine AS q JOIN onemap.delivery AS d ON d.id = q.delivery
WHERE %(delivery)s::bigint IS NULL OR q.delivery = %(delivery)s
GROUP BY q.delivery, d.layer, d.source, q.code
ORDER BY q.delivery DESC, count(*) DESC
