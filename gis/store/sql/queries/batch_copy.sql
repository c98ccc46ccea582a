-- the fast way in
COPY batch (n, {columns}, extra, geom, content_hash, accuracy_m, place_code) FROM STDIN
