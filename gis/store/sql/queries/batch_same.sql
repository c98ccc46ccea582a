-- found to be the same within the layer's tolerance (a join: ANY would be tried row by row)
DELETE FROM matched USING unnest(%(lines)s::bigint[]) AS same(line)
WHERE matched.line = same.line
