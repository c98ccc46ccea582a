-- What every other migration stands on: extensions, the schema of layers, ledger, quarantine.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;  -- EXCLUDE over (key, valid)

CREATE SCHEMA gis;  -- one table a layer, made from its definition

-- One row a layer table: what it was made from, and how many current features it holds
-- (kept by each delivery, so that an unfiltered count costs nothing).
CREATE TABLE onemap.layer (
    id text PRIMARY KEY,
    geometry text NOT NULL,
    key_fields text[] NOT NULL,
    features bigint NOT NULL DEFAULT 0
);

-- The ledger. A delivery is one transaction: its row exists exactly when its effect does.
CREATE TABLE onemap.delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer text NOT NULL REFERENCES onemap.layer,
    source text NOT NULL,
    digest text NOT NULL,
    department text,
    person text,
    mode text NOT NULL CHECK (mode IN ('full', 'upsert', 'delete')),
    as_of timestamptz NOT NULL,
    frame jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    accepted bigint NOT NULL DEFAULT 0,
    new bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    closed bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    undone_at timestamptz,
    CHECK (accepted = new + changed + unchanged)
);
CREATE INDEX delivery_by_layer ON onemap.delivery (layer, as_of, id) WHERE undone_at IS NULL;

-- What was refused, row by row: nothing disappears without a reason on record.
CREATE TABLE onemap.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery bigint NOT NULL REFERENCES onemap.delivery,
    source_row bigint NOT NULL,
    code text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    field text,
    raw jsonb NOT NULL,
    wkt text,
    frame text  -- of wkt; NULL = the frame of the delivery
);
CREATE INDEX quarantine_by_delivery ON onemap.quarantine (delivery, source_row);
