-- Photos, drawings and permits that belong to a feature, a grid cell or a place. The file lies in
-- a folder under its digest, once however often it is linked; a link that was wrong is withdrawn
-- and stays on record.
CREATE TABLE onemap.document (
    digest text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
    media_type text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    stored_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE onemap.document_link (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text NOT NULL REFERENCES onemap.document,
    name text NOT NULL,
    title text,
    person text,
    added_at timestamptz NOT NULL DEFAULT now(),
    layer text REFERENCES onemap.layer,
    key bigint,
    place_code text,
    geom geometry(Geometry, 4490) NOT NULL,  -- where it is, as it was when it was linked
    withdrawn_at timestamptz,
    withdrawn_by text,
    CHECK ((layer IS NULL) = (key IS NULL)),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX document_by_feature ON onemap.document_link (layer, key) WHERE layer IS NOT NULL;
CREATE INDEX document_by_place ON onemap.document_link USING gist (geom) WHERE layer IS NULL;
-- the same file is linked to the same thing once
CREATE UNIQUE INDEX document_once ON onemap.document_link
    (digest, coalesce(layer, ''), coalesce(key, 0), coalesce(place_code, ''),
     (CASE WHEN layer IS NULL THEN md5(ST_AsBinary(geom)) ELSE '' END))
    WHERE withdrawn_at IS NULL;
