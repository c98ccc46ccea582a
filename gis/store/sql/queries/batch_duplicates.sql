-- a business key given twice: the first row counts, the others are refused with the reason
WITH twice AS (
    SELECT {key}, min(line) AS first_line, min(n) AS first_row
    FROM batch GROUP BY {key} HAVING count(*) > 1
), gone AS (
    DELETE FROM batch AS b USING twice AS t
    WHERE ROW({batch_key}) = ROW({twice_key}) AND b.line > t.first_line
    RETURNING b.*, t.first_row
)
INSERT INTO onemap.quarantine (delivery, source_row, code, zh, en, field, raw, wkt, frame)
SELECT %(delivery)s, n, 'duplicate_key', format(%(zh)s, first_row), format(%(en)s, first_row),
    %(field)s,
    jsonb_strip_nulls(to_jsonb(gone) - '{{line,n,extra,geom,content_hash,accuracy_m,place_code,first_row}}'::text[])
        || coalesce(extra, '{{}}'::jsonb),
    ST_AsText(geom, 12), %(frame)s
FROM gone
