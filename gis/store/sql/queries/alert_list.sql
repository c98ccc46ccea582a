-- the work list: most certain first; days to act in a state come from the rules, as {{state: days}},
-- unless a step since has set the day
WITH listed AS (
    SELECT a.key, a.alert_id, a.state, a.kind, string_to_array(a.reasons, ',') AS reasons, a.score,
        a.area_m2, a.area_band_m2, a.delta_h_m, a.delta_h_band_m, a.stage, a.image_date,
        a.county_code, a.parcel_code, a.note,
        round(ST_X(ST_PointOnSurface(a.geom))::numeric, 7)::float8 AS lon,
        round(ST_Y(ST_PointOnSurface(a.geom))::numeric, 7)::float8 AS lat,
        assigned.assignee, entered.since,
        coalesce(
            given.due_on,
            (entered.since + make_interval(days => (%(due_days)s::jsonb ->> a.state)::int))::date
        ) AS due_on
    FROM {table} AS a
    LEFT JOIN LATERAL (
        SELECT t.assignee FROM onemap.alert_trail AS t
        WHERE t.alert_id = a.alert_id AND t.event = 'assigned' ORDER BY t.id DESC LIMIT 1
    ) AS assigned ON true
    LEFT JOIN LATERAL (
        SELECT max(t.at) AS since
        FROM onemap.alert_trail AS t JOIN onemap.delivery AS d ON d.id = t.delivery
        WHERE t.alert_id = a.alert_id AND t.event IN ('raised', 'reopened', 'state')
            AND t.to_state = a.state AND d.undone_at IS NULL
    ) AS entered ON true
    LEFT JOIN LATERAL (
        SELECT t.due_on
        FROM onemap.alert_trail AS t LEFT JOIN onemap.delivery AS d ON d.id = t.delivery
        WHERE t.alert_id = a.alert_id AND t.due_on IS NOT NULL AND t.at >= entered.since
            AND d.undone_at IS NULL
        ORDER BY t.id DESC LIMIT 1
    ) AS given ON true
    WHERE upper_inf(a.valid)
        AND (%(states)s::text[] IS NULL OR a.state = ANY(%(states)s))
        AND (%(reason)s::text IS NULL OR %(reason)s = ANY(string_to_array(a.reasons, ',')))
        AND (%(county)s::text IS NULL OR a.county_code = %(county)s)
        AND (%(assignee)s::text IS NULL OR assigned.assignee = %(assignee)s)
)
SELECT * FROM listed
WHERE NOT %(overdue)s OR due_on < current_date
ORDER BY score DESC, area_m2 DESC, key
LIMIT %(limit)s OFFSET %(offset)s
