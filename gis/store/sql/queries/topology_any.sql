-- whether the layer that is asked holds anything yet
SELECT EXISTS (SELECT FROM {table} WHERE upper_inf(valid))
