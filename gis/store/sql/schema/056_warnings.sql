-- What was found about rows that were taken in all the same, or about places between them (a gap):
-- kept with the delivery that brought it, for its report.
CREATE TABLE onemap.warning (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery bigint NOT NULL REFERENCES onemap.delivery,
    source_row bigint,  -- NULL: of no one row
    code text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    field text,
    key jsonb,  -- business key of the feature
    geom geometry(Geometry, 4490)  -- where, longitude first, without heights
);
CREATE INDEX warning_by_delivery ON onemap.warning (delivery, code, id);
