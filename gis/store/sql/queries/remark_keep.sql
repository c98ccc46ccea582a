-- remarks on rows that were accepted in the end, with the feature's key and place; row 0 is the
-- head of the file, which is of no feature
INSERT INTO onemap.warning (delivery, source_row, code, zh, en, field, key, geom)
SELECT %(delivery)s, nullif(r.n, 0), r.code, r.zh, r.en, r.field,
    CASE WHEN b.n IS NOT NULL THEN jsonb_build_object({key_pairs}) END, ST_Force2D(b.geom)
FROM remark AS r LEFT JOIN batch AS b USING (n)
WHERE r.n = 0 OR b.n IS NOT NULL
ORDER BY r.n, r.code
