-- features that do not share their edges exactly with their neighbours, and holes between features
CREATE TEMP TABLE suspect (id bigint) ON COMMIT DROP;
CREATE TEMP TABLE hole (geom geometry(Polygon, 4490)) ON COMMIT DROP
