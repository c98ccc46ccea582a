-- what ended long ago is not kept
DELETE FROM onemap.job WHERE finished_at < clock_timestamp() - make_interval(days => %(days)s)
