-- rows that went straight in and are to be looked at once more
CREATE TEMP TABLE called ON COMMIT DROP AS
SELECT * FROM unnest(%(lines)s::bigint[], %(rows)s::bigint[], %(numbers)s::bigint[]) AS c(line, n, key)
