-- the record of migrations; it must exist before the first of them
CREATE SCHEMA IF NOT EXISTS onemap;
CREATE TABLE IF NOT EXISTS onemap.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
