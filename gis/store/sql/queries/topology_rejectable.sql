-- findings that may cost a row its place, in the order of the file
SELECT f.n, f.other FROM found AS f
WHERE f.code = ANY (%(codes)s) AND f.n IS NOT NULL
ORDER BY f.n, f.id
