-- take the next numbers of a year; rolled back with the run, so there are no gaps
INSERT INTO onemap.alert_number AS n (prefix, year, last) VALUES (%(prefix)s, %(year)s, %(count)s)
ON CONFLICT (prefix, year) DO UPDATE SET last = n.last + excluded.last
RETURNING last
