-- give alerts to somebody: a step of each one's trail; those that are theirs already, by no other
-- day, are left out
INSERT INTO onemap.alert_trail (alert_id, event, from_state, to_state, note, who, assignee, due_on)
SELECT a.alert_id, 'assigned', a.state, a.state, %(note)s, %(who)s, %(assignee)s, %(due_on)s
FROM {table} AS a
WHERE upper_inf(a.valid) AND a.alert_id = ANY(%(alerts)s)
    AND (%(due_on)s::date IS NOT NULL OR %(assignee)s IS DISTINCT FROM (
        SELECT t.assignee FROM onemap.alert_trail AS t
        WHERE t.alert_id = a.alert_id AND t.event = 'assigned' ORDER BY t.id DESC LIMIT 1
    ))
ORDER BY a.key
RETURNING alert_id
