-- whether the layer has never held a version
SELECT NOT EXISTS (SELECT FROM {table})
