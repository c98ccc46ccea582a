-- the last step there is
SELECT coalesce(max(id), 0) FROM onemap.alert_trail
