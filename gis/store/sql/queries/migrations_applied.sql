-- what has been applied, to compare with the files we ship
SELECT number, name, digest FROM onemap.migration ORDER BY number
