-- after the first bulk load; later deliveries keep them up.
-- {current}/{order}: the city now. {all}/{item}: the city then. {business}: the next delivery.
CREATE INDEX {current} ON {table} USING gist (geom) WHERE upper_inf(valid);
CREATE INDEX {order} ON {table} (key) WHERE upper_inf(valid);
CREATE INDEX {all} ON {table} USING gist (geom);
CREATE INDEX {item} ON {table} (key);
CREATE INDEX {business} ON {table} ({key_columns});
ALTER TABLE {table} ADD CONSTRAINT {one_at_a_time} EXCLUDE USING gist (key WITH =, valid WITH &&)
