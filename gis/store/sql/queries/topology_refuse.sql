-- rows refused for what they are to others: out of the batch and into the quarantine; their
-- features stay as they were
WITH why AS (
    SELECT DISTINCT ON (f.n) f.n, f.code, format(t.zh, f.a, f.b, f.c) AS zh, format(t.en, f.a, f.b, f.c) AS en
    FROM found AS f JOIN unnest(%(codes)s::text[], %(zh)s::text[], %(en)s::text[]) AS t(code, zh, en) USING (code)
    WHERE f.n = ANY (%(rows)s)
    ORDER BY f.n, f.id
), gone AS (
    DELETE FROM batch AS b USING why WHERE b.n = why.n RETURNING b.*, why.code AS why_code, why.zh, why.en
), kept_too AS (
    INSERT INTO kept ({key}) SELECT {key} FROM gone
)
INSERT INTO onemap.quarantine (delivery, source_row, code, zh, en, field, raw, wkt, frame)
SELECT %(delivery)s, n, why_code, zh, en, %(field)s,
    jsonb_strip_nulls(to_jsonb(gone) - '{{line,n,extra,geom,content_hash,accuracy_m,place_code,why_code,zh,en}}'::text[]),
    ST_AsText(geom, 12), %(frame)s
FROM gone
RETURNING source_row, code
