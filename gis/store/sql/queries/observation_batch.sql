-- what a file of readings brings, before it is compared with what is there
CREATE TEMP TABLE reading (
    source_row bigint NOT NULL, datastream text NOT NULL, time timestamptz NOT NULL,
    value double precision NOT NULL, quality smallint NOT NULL
) ON COMMIT DROP
