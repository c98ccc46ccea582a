-- the newest reading of each site
LEFT JOIN onemap.observation_latest AS o ON o.datastream = t.{datastream}
