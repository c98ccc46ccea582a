-- the planner must know the table before the first reader does
ANALYZE {table}
