-- remarks on rows that were accepted in the end, with the feature's key and place
INSERT INTO onemap.warning (delivery, source_row, code, zh, en, field, key, geom)
SELECT %(delivery)s, r.n, r.code, r.zh, r.en, r.field,
    jsonb_build_object({key_pairs}), ST_Force2D(b.geom)
FROM remark AS r JOIN batch AS b USING (n)
ORDER BY r.n, r.code
