-- why rows of a delivery were refused, most frequent first
SELECT code, count(*) AS rows,
    coalesce(array_agg(DISTINCT field) FILTER (WHERE field IS NOT NULL), '{{}}') AS fields
FROM onemap.quarantine WHERE delivery = %(delivery)s
GROUP BY code ORDER BY count(*) DESC, code
