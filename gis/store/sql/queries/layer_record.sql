-- one row a layer table
INSERT INTO onemap.layer (id, geometry, key_fields) VALUES (%(layer)s, %(geometry)s, %(key)s)
