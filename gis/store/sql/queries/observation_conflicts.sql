-- another value for a moment already read: the first one stands, this one is on record
INSERT INTO onemap.observation_refused (digest, source_row, source, code, zh, en, raw)
SELECT %(digest)s, r.source_row, %(source)s, 'conflict',
    format('%%s 在 %%s 已有读数 %%s，来的是 %%s', r.datastream, r.time, o.value, r.value),
    format('%%s already read %%3$s at %%2$s; this says %%4$s', r.datastream, r.time, o.value, r.value),
    concat_ws(',', r.datastream, r.time, r.value)
FROM reading AS r JOIN onemap.observation AS o USING (datastream, time)
WHERE o.value <> r.value
ON CONFLICT (digest, source_row) DO NOTHING
