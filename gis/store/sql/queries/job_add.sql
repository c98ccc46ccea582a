-- a new job, where not too many wait already
INSERT INTO onemap.job (process, inputs, who, layers)
SELECT %(process)s, %(inputs)s, %(who)s, %(layers)s
WHERE (SELECT count(*) FROM onemap.job WHERE state = 'accepted') < %(most)s
RETURNING id
