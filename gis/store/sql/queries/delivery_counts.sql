-- what came of it; the table's own CHECK holds accepted = new + changed + unchanged
UPDATE onemap.delivery
SET accepted = %(accepted)s, new = %(new)s, changed = %(changed)s, unchanged = %(unchanged)s,
    closed = %(closed)s,
    quarantined = (SELECT count(*) FROM onemap.quarantine WHERE delivery = %(delivery)s)
WHERE id = %(delivery)s
RETURNING quarantined
