-- what the layer's table was made from
SELECT geometry, key_fields FROM onemap.layer WHERE id = %(layer)s
