-- a field new in the definition; older versions have no value for it
ALTER TABLE {table} ADD COLUMN {column}
