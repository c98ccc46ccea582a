-- an alert's life, oldest first; steps whose delivery was undone say so
SELECT t.at, t.event, t.from_state, t.to_state, t.note, t.who, t.assignee, t.due_on, t.document,
    t.run, t.delivery, d.undone_at
FROM onemap.alert_trail AS t LEFT JOIN onemap.delivery AS d ON d.id = t.delivery
WHERE t.alert_id = %(alert_id)s
ORDER BY t.id
