-- every version of a feature, newest first; one that was replaced at its own date covers no time
SELECT t.version_id, opened.as_of AS valid_from,
    CASE WHEN isempty(t.valid) THEN opened.as_of ELSE upper(t.valid) END AS valid_to,
    t.opened_by, t.closed_by, t.accuracy_m, t.place_code, t.extra,
    encode(t.content_hash, 'hex') AS content_hash, ST_AsGeoJSON(t.geom, 9, 0)::jsonb AS geometry,
    (SELECT to_jsonb(p) FROM (SELECT {properties}) AS p) AS properties
FROM {table} AS t JOIN onemap.delivery AS opened ON opened.id = t.opened_by
WHERE t.key = %(key)s
ORDER BY t.version_id DESC
