-- what is watched: a line a datastream
SELECT l.datastream, l.time, l.value, count(o.time) AS readings
FROM onemap.observation_latest AS l JOIN onemap.observation AS o USING (datastream)
GROUP BY l.datastream ORDER BY l.datastream
