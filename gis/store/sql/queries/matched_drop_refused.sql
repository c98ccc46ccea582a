-- rows refused after they were matched
DELETE FROM matched AS m WHERE NOT EXISTS (SELECT FROM batch AS b WHERE b.line = m.line)
