-- how many, but looking at no more than needed to know that they are too many to count
SELECT count(*) FROM (SELECT FROM {table} AS t WHERE {where} LIMIT %(bound)s) AS bounded
