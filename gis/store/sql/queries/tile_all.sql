-- everything that touches the tile
(SELECT t.* FROM {table} AS t WHERE {where})
