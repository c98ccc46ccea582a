-- the work list: most certain first
SELECT key, alert_id, state, kind, string_to_array(reasons, ',') AS reasons, score, area_m2,
    area_band_m2, delta_h_m, delta_h_band_m, stage, image_date, county_code, parcel_code, note,
    round(ST_X(ST_PointOnSurface(geom))::numeric, 7)::float8 AS lon,
    round(ST_Y(ST_PointOnSurface(geom))::numeric, 7)::float8 AS lat
FROM {table}
WHERE upper_inf(valid)
    AND (%(states)s::text[] IS NULL OR state = ANY(%(states)s))
    AND (%(reason)s::text IS NULL OR %(reason)s = ANY(string_to_array(reasons, ',')))
    AND (%(county)s::text IS NULL OR county_code = %(county)s)
ORDER BY score DESC, area_m2 DESC, key
LIMIT %(limit)s OFFSET %(offset)s
