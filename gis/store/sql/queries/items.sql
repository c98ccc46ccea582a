-- a page of GeoJSON features, written by the database: no row is built twice
SELECT '{{"type":"Feature","id":' || {id} || ',"geometry":' || {geometry} || ',"properties":'
    || (SELECT row_to_json(p) FROM (SELECT {properties}) AS p)::text || '}}' {mark} {counted}
FROM {table} AS t {latest}
WHERE {where}
ORDER BY {order}
LIMIT %(limit)s OFFSET %(offset)s
