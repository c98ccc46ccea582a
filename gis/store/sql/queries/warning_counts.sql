-- how often each warning was given for a delivery
SELECT code, count(*) FROM onemap.warning WHERE delivery = %(delivery)s GROUP BY code ORDER BY code
