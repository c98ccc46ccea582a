-- one picture of an alert: of its newest evidence, or of the evidence of one run
SELECT chip.png
FROM onemap.alert_evidence AS e
JOIN onemap.alert_evidence_chip AS named ON named.evidence = e.id AND named.name = %(name)s
JOIN onemap.alert_chip AS chip USING (digest)
WHERE e.alert_id = (SELECT alert_id FROM {table} WHERE key = %(key)s LIMIT 1)
    AND (%(run)s::bigint IS NULL OR e.run = %(run)s)
ORDER BY e.id DESC LIMIT 1
