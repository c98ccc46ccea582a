-- on record: the ledger keeps the line
UPDATE onemap.delivery SET undone_at = clock_timestamp() WHERE id = %(delivery)s
