-- the same reading twice is one reading, whoever sends it again
INSERT INTO onemap.observation (datastream, time, value, quality)
SELECT datastream, time, value, quality FROM reading ORDER BY datastream, time, source_row
ON CONFLICT (datastream, time) DO NOTHING
