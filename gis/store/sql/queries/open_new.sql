-- new features and new versions of old ones, neighbours together (BeiDou codes nest)
INSERT INTO {table} (key, {columns}, extra, geom, valid, opened_by, content_hash, accuracy_m, place_code)
SELECT coalesce(m.key, nextval(%(sequence)s::regclass)), {batch_columns}, b.extra, b.geom,
    tstzrange(%(as_of)s, NULL), %(delivery)s, b.content_hash, b.accuracy_m, b.place_code
FROM batch AS b JOIN matched AS m USING (line)
ORDER BY b.place_code, b.line
