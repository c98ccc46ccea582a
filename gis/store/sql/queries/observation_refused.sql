-- lines that were no readings, newest file first
SELECT source, source_row AS row, code, zh, en, raw, received_at FROM onemap.observation_refused
ORDER BY received_at DESC, source, source_row LIMIT %(limit)s
