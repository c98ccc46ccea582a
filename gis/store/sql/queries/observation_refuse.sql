-- a line that is no reading, with its reason
INSERT INTO onemap.observation_refused (digest, source_row, source, code, zh, en, raw)
VALUES (%(digest)s, %(row)s, %(source)s, %(code)s, %(zh)s, %(en)s, %(raw)s)
ON CONFLICT (digest, source_row) DO NOTHING
