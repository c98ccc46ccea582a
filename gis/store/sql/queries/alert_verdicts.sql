-- what officers found true and false, with the score each alert was raised by (as the engine gave
-- it): the newest verdict that stands, and the newest evidence before it
SELECT verdict.alert_id, run.engine, e.record #>> '{{change,kind}}' AS kind,
    (e.record #>> '{{change,score}}')::float8 AS score, verdict.to_state = 'confirmed' AS confirmed
FROM (
    SELECT DISTINCT ON (t.alert_id) t.alert_id, t.to_state, t.at
    FROM onemap.alert_trail AS t JOIN onemap.delivery AS d ON d.id = t.delivery
    WHERE t.event = 'state' AND t.to_state IN ('confirmed', 'dismissed') AND d.undone_at IS NULL
    ORDER BY t.alert_id, t.id DESC
) AS verdict
CROSS JOIN LATERAL (
    SELECT e.record, e.run
    FROM onemap.alert_evidence AS e
    JOIN onemap.alert_run AS r ON r.id = e.run
    JOIN onemap.delivery AS d ON d.id = r.delivery
    WHERE e.alert_id = verdict.alert_id AND r.ran_at <= verdict.at AND d.undone_at IS NULL
    ORDER BY e.id DESC LIMIT 1
) AS e
JOIN onemap.alert_run AS run ON run.id = e.run
WHERE e.record #>> '{{change,score}}' IS NOT NULL
ORDER BY verdict.alert_id
