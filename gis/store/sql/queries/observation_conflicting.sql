-- how many of the batch contradict what is stored
SELECT count(*) FROM reading AS r JOIN onemap.observation AS o USING (datastream, time)
WHERE o.value <> r.value
