-- a photo from the field is a step of the trail; sent again, it is the same step
INSERT INTO onemap.alert_trail (alert_id, event, from_state, to_state, note, who, document)
VALUES (%(alert_id)s, 'photo', %(state)s, %(state)s, %(note)s, %(who)s, %(document)s)
ON CONFLICT DO NOTHING
