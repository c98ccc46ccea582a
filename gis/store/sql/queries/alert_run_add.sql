-- a run, in the transaction of its delivery
INSERT INTO onemap.alert_run (delivery, engine, engine_version, rules_version, before_image,
    after_image, before_date, image_date, inputs, parameters, rules, candidates, suppressed)
VALUES (%(delivery)s, %(engine)s, %(engine_version)s, %(rules_version)s, %(before_image)s,
    %(after_image)s, %(before_date)s, %(image_date)s, %(inputs)s, %(parameters)s, %(rules)s,
    %(candidates)s, %(suppressed)s)
RETURNING id
