-- open and settled suspicions
SELECT state, count(*) FROM {table} WHERE upper_inf(valid) GROUP BY state ORDER BY state
