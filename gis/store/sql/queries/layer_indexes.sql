-- after the first bulk load; later deliveries keep them up.
-- {current}, {one_current}: the city now. {all}, {item}: the city then. {business}: the next
-- delivery. EXCLUDE holds the closed versions only: over all rows it would take 19 µs a row, more
-- than the rest of a first load; apply itself looks for a closed one that meets a current one.
CREATE INDEX {current} ON {table} USING gist (geom) WHERE upper_inf(valid);
CREATE UNIQUE INDEX {one_current} ON {table} (key) WHERE upper_inf(valid);
CREATE INDEX {all} ON {table} USING gist (geom);
CREATE INDEX {item} ON {table} (key);
CREATE INDEX {business} ON {table} ({key_columns});
ALTER TABLE {table} ADD CONSTRAINT {one_at_a_time}
    EXCLUDE USING gist (key WITH =, valid WITH &&) WHERE (NOT upper_inf(valid))
