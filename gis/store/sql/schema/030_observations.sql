-- Observations: one row a reading, and the newest good one of each datastream beside them.
-- The key (datastream, time) makes a repeated message harmless; it is also what lets a reader
-- acknowledge only after the commit.
CREATE TABLE onemap.observation (
    datastream text             NOT NULL,
    time       timestamptz      NOT NULL,
    value      double precision NOT NULL,
    -- bits: 1 = stamped more than five minutes after it reached us
    quality    smallint         NOT NULL DEFAULT 0,
    PRIMARY KEY (datastream, time)
);

-- What items and the map show: upserted once a batch, not once a reading. A reading whose clock
-- runs ahead never becomes the latest, or it would hide every true one after it.
CREATE TABLE onemap.observation_latest (
    datastream text             PRIMARY KEY,
    time       timestamptz      NOT NULL,
    value      double precision NOT NULL
);

-- Readings that are none, by the digest of their file: replaying it adds no second line.
CREATE TABLE onemap.observation_refused (
    digest      text        NOT NULL,
    source_row  bigint      NOT NULL,
    source      text        NOT NULL,
    code        text        NOT NULL,
    zh          text        NOT NULL,
    en          text        NOT NULL,
    raw         text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (digest, source_row)
);
