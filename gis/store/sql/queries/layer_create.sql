-- a layer's table; its indexes come with the first delivery, which loads faster without them
CREATE TABLE {table} (
    version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bigint NOT NULL,
    {columns},
    extra jsonb,
    geom geometry({geometry}, 4490) NOT NULL,
    valid tstzrange NOT NULL,
    opened_by bigint NOT NULL,
    closed_by bigint,
    content_hash bytea NOT NULL,
    accuracy_m real NOT NULL,
    place_code text
);
CREATE SEQUENCE {sequence} OWNED BY {table}.key
