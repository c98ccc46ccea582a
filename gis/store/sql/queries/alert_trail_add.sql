-- one step of an alert's life; steps are added and never altered
INSERT INTO onemap.alert_trail (alert_id, event, from_state, to_state, note, who, run, delivery, due_on)
VALUES (%(alert_id)s, %(event)s, %(from_state)s, %(to_state)s, %(note)s, %(who)s, %(run)s,
    %(delivery)s, %(due_on)s)
