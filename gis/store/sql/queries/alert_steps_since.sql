-- steps of all alerts after one, oldest first, for those who watch; `key` and place as of now
SELECT t.id, t.at, t.alert_id, t.event, t.from_state, t.to_state, t.assignee, t.due_on, t.note,
    t.who, a.key, a.kind, a.score, string_to_array(a.reasons, ',') AS reasons,
    round(ST_X(ST_PointOnSurface(a.geom))::numeric, 7)::float8 AS lon,
    round(ST_Y(ST_PointOnSurface(a.geom))::numeric, 7)::float8 AS lat
FROM onemap.alert_trail AS t
LEFT JOIN {table} AS a ON a.alert_id = t.alert_id AND upper_inf(a.valid)
WHERE t.id > %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
ORDER BY t.id
LIMIT %(limit)s
