-- the last hours of a datastream, counted back from its newest reading
SELECT time, value FROM onemap.observation
WHERE datastream = %(datastream)s AND quality = 0 AND time > (
    SELECT time FROM onemap.observation_latest WHERE datastream = %(datastream)s
) - make_interval(secs => %(seconds)s)
ORDER BY time
