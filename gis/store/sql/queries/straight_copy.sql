-- the first rows of a layer, into its table without a stop on the way
COPY {table} (key, {columns}, extra, geom, content_hash, accuracy_m, place_code, valid, opened_by) FROM STDIN
