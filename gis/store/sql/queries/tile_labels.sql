-- a point inside each feature, whole as it is, for a label in one tile only
(
    SELECT * FROM (SELECT t.*, ST_Force2D(ST_PointOnSurface(t.geom)) AS spot FROM {chosen} AS t) AS t
    WHERE ST_X(t.spot) >= %(left)s AND ST_X(t.spot) < %(right)s
        AND ST_Y(t.spot) > %(bottom)s AND ST_Y(t.spot) <= %(top)s
)
