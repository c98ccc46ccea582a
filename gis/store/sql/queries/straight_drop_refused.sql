-- what was refused on the second look leaves the table
DELETE FROM {table} AS t USING called AS c
WHERE t.key = c.key AND NOT EXISTS (SELECT FROM batch AS b WHERE b.line = c.line)
