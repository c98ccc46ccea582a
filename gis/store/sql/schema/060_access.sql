-- Who may come in, what each has taken of large-scale layers, and what was done, on record.

-- A key is known by its digest alone: who reads this table can't use one.
CREATE TABLE onemap.access_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    digest text NOT NULL UNIQUE CHECK (digest ~ '^[0-9a-f]{64}$'),
    roles text[] NOT NULL CHECK (cardinality(roles) > 0),
    added_by text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX access_key_by_name ON onemap.access_key (name) WHERE revoked_at IS NULL;

-- Cells of a fixed grid (gis/store/access.py) of which a caller was given features.
CREATE TABLE onemap.area_taken (
    caller text NOT NULL,
    layer text NOT NULL REFERENCES onemap.layer,
    cell bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, layer, cell)
);

-- The audit trail: each row carries the digest of the row before it (gis/store/audit.py), so that
-- a row changed, put in or left out shows.
CREATE TABLE onemap.audit (
    id bigint PRIMARY KEY CHECK (id > 0),
    at timestamptz NOT NULL,
    who text NOT NULL,
    address text,
    action text NOT NULL,
    target text,
    detail jsonb NOT NULL,
    algorithm text NOT NULL CHECK (algorithm IN ('sha256', 'sm3')),
    previous text NOT NULL,
    digest text NOT NULL
);

CREATE FUNCTION onemap.audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever added to'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.audit
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.audit_stays();
