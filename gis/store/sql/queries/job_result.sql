-- the document of a job that was successful
SELECT result FROM onemap.job WHERE id = %(id)s AND state = 'successful'
