-- the newest good reading of every datastream of the batch, never an older one over a newer one
INSERT INTO onemap.observation_latest AS l (datastream, time, value)
SELECT DISTINCT ON (o.datastream) o.datastream, o.time, o.value
FROM reading AS r JOIN onemap.observation AS o USING (datastream, time)
WHERE o.quality = 0
ORDER BY o.datastream, o.time DESC
ON CONFLICT (datastream) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value
WHERE l.time < EXCLUDED.time
