-- findings, before it is decided what comes of them. a, b, c: what the message says of each
CREATE TEMP TABLE found (
    id bigint GENERATED ALWAYS AS IDENTITY,
    code text NOT NULL, n bigint, other bigint, key jsonb, a text, b text, c text, geom geometry
) ON COMMIT DROP
