-- Jobs of processes. Whoever runs one holds an advisory lock on its number for as long as it runs:
-- the database lets it go with the connection, so a job whose runner was killed is found at once,
-- by any process on any machine, and no clock has to be trusted.
CREATE TABLE onemap.job (
    number integer GENERATED ALWAYS AS IDENTITY UNIQUE,  -- of the lock
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),       -- of the address: nobody guesses it
    process text NOT NULL,
    inputs jsonb NOT NULL,
    who text NOT NULL,
    layers text[] NOT NULL,   -- what who asked could see: the job sees no more
    state text NOT NULL DEFAULT 'accepted'
        CHECK (state IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    attempts smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error jsonb,   -- {"code", "status", "zh", "en"} of one that failed
    result bytea,  -- the document of one that was successful, as it is handed out
    CHECK ((state IN ('successful', 'failed', 'dismissed')) = (finished_at IS NOT NULL)),
    CHECK ((state = 'successful') = (result IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL))
);
CREATE INDEX job_open ON onemap.job (number) WHERE state IN ('accepted', 'running');
CREATE INDEX job_by_caller ON onemap.job (who, number DESC);
