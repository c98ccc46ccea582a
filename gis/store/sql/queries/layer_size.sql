-- as layer_count.sql, beside the rows of a page: one question less
, (SELECT features FROM onemap.layer WHERE id = {layer})
