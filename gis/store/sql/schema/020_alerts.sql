-- What stands beside the versioned layer `alerts`: which run raised an alert, on what evidence,
-- and what has been done about it. Rows are added and never altered: an alert must be able to
-- show what raised it for ever, also after its run was undone or a permit was corrected.

CREATE TABLE onemap.alert_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery bigint NOT NULL REFERENCES onemap.delivery,
    engine text NOT NULL,
    engine_version text NOT NULL,
    rules_version text NOT NULL,
    before_image text NOT NULL,
    after_image text NOT NULL,
    before_date date NOT NULL,
    image_date date NOT NULL,
    inputs jsonb NOT NULL,      -- every raster with its digest
    parameters jsonb NOT NULL,  -- thresholds, noise model, what was left out and why
    rules jsonb NOT NULL,       -- the rules as they were
    candidates integer NOT NULL,
    suppressed integer NOT NULL,
    ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Pictures by their own digest: a run repeated on the same images costs no second copy.
CREATE TABLE onemap.alert_chip (
    digest bytea PRIMARY KEY CHECK (digest = sha256(png)),
    png bytea NOT NULL
);

CREATE TABLE onemap.alert_evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL REFERENCES onemap.alert_run,
    alert_id text NOT NULL,
    record jsonb NOT NULL,      -- reasons with figures, measures, versions consulted with content
    UNIQUE (run, alert_id)
);
CREATE INDEX alert_evidence_by_alert ON onemap.alert_evidence (alert_id, id);

CREATE TABLE onemap.alert_evidence_chip (
    evidence bigint NOT NULL REFERENCES onemap.alert_evidence,
    name text NOT NULL,
    digest bytea NOT NULL REFERENCES onemap.alert_chip,
    PRIMARY KEY (evidence, name)
);

CREATE TABLE onemap.alert_trail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL CHECK (event IN ('raised', 'again', 'reopened', 'suppressed', 'state')),
    from_state text,
    to_state text,
    note text,
    who text NOT NULL,
    run bigint REFERENCES onemap.alert_run,
    delivery bigint NOT NULL REFERENCES onemap.delivery,
    CHECK (event <> 'state' OR length(btrim(note)) > 0)
);
CREATE INDEX alert_trail_by_alert ON onemap.alert_trail (alert_id, id);

-- The last number given out, by prefix and year of the image; part of a run's transaction, so
-- numbers have no gaps.
CREATE TABLE onemap.alert_number (
    prefix text NOT NULL,
    year integer NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (prefix, year)
);

CREATE FUNCTION onemap.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.alert_run
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.alert_chip
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.alert_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.alert_evidence_chip
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON onemap.alert_trail
    FOR EACH STATEMENT EXECUTE FUNCTION onemap.append_only();
