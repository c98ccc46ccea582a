-- whether the layer's indexes have been made
SELECT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = to_regclass(%(table)s) AND contype = 'x'
)
