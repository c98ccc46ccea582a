-- rows of one delivery on their way in; the diff against the layer is one statement over it
CREATE TEMP TABLE batch (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n bigint NOT NULL,
    {columns},
    extra jsonb,
    geom geometry,
    content_hash bytea NOT NULL,
    accuracy_m real NOT NULL,
    place_code text NOT NULL
) ON COMMIT DROP
