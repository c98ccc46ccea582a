-- how many, exactly
SELECT count(*) FROM {table} AS t WHERE {where}
