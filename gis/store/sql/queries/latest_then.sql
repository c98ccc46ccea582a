-- the newest good reading of each site up to a moment
LEFT JOIN LATERAL (
    SELECT reading.value, reading.time FROM onemap.observation AS reading
    WHERE reading.datastream = t.{datastream} AND reading.quality = 0
        AND reading.time <= coalesce(%(latest_at)s, 'infinity'::timestamptz)
    ORDER BY reading.time DESC LIMIT 1
) AS o ON true
