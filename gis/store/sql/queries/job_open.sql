-- jobs that wait, or whose runner may be gone, oldest first
SELECT number FROM onemap.job WHERE state IN ('accepted', 'running') ORDER BY number LIMIT 50
