-- give alerts to somebody: a step of each one's trail; those that are theirs already are left out
INSERT INTO onemap.alert_trail (alert_id, event, from_state, to_state, note, who, assignee)
SELECT a.alert_id, 'assigned', a.state, a.state, %(note)s, %(who)s, %(assignee)s
FROM {table} AS a
WHERE upper_inf(a.valid) AND a.alert_id = ANY(%(alerts)s)
    AND %(assignee)s IS DISTINCT FROM (
        SELECT t.assignee FROM onemap.alert_trail AS t
        WHERE t.alert_id = a.alert_id AND t.event = 'assigned' ORDER BY t.id DESC LIMIT 1
    )
ORDER BY a.key
RETURNING alert_id
