-- every version of every feature
SELECT count(*) FROM {table}
