-- the other findings, for the delivery's report; what a refused row is to others no longer matters
INSERT INTO onemap.warning (delivery, source_row, code, zh, en, key, geom)
SELECT %(delivery)s, f.n, f.code, format(t.zh, f.a, f.b, f.c), format(t.en, f.a, f.b, f.c), f.key,
    ST_SetSRID(ST_Force2D(f.geom), 4490)
FROM found AS f JOIN unnest(%(codes)s::text[], %(zh)s::text[], %(en)s::text[]) AS t(code, zh, en) USING (code)
WHERE NOT coalesce(f.n = ANY (%(rows)s), false) AND NOT coalesce(f.other = ANY (%(rows)s), false)
ORDER BY f.n, f.id
