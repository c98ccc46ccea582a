-- every piece of evidence for an alert, newest first, with its run
SELECT e.run, e.record, r.engine, r.engine_version, r.rules_version, r.before_image, r.after_image,
    r.before_date, r.image_date, r.inputs, r.parameters, r.ran_at, d.undone_at,
    ARRAY(SELECT name FROM onemap.alert_evidence_chip WHERE evidence = e.id ORDER BY name) AS chips
FROM onemap.alert_evidence AS e
JOIN onemap.alert_run AS r ON r.id = e.run
JOIN onemap.delivery AS d ON d.id = r.delivery
WHERE e.alert_id = %(alert_id)s
ORDER BY e.id DESC
