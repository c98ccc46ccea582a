-- why this run raised this alert
INSERT INTO onemap.alert_evidence (run, alert_id, record)
VALUES (%(run)s, %(alert_id)s, %(record)s)
RETURNING id
