-- what it ended goes on; a version begins where the delivery that opened it says, which also
-- holds for one that was replaced at its own date and so covers no time
UPDATE {table} AS old SET valid = tstzrange(d.as_of, NULL), closed_by = NULL
FROM onemap.delivery AS d
WHERE old.closed_by = %(delivery)s AND d.id = old.opened_by
