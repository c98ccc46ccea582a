-- what was found about accepted rows, most frequent first, with the first ones of each
SELECT code, count(*) AS rows,
    coalesce(array_agg(DISTINCT field) FILTER (WHERE field IS NOT NULL), '{{}}') AS fields,
    jsonb_agg(jsonb_build_object('row', source_row, 'field', field, 'key', key, 'zh', zh, 'en', en)
        ORDER BY nth) FILTER (WHERE nth <= %(most)s) AS examples
FROM (
    SELECT code, source_row, field, key, zh, en, row_number() OVER (PARTITION BY code ORDER BY id) AS nth
    FROM onemap.warning WHERE delivery = %(delivery)s
) AS warned
GROUP BY code ORDER BY count(*) DESC, code
