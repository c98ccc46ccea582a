-- one line for each current alert: how far it came since it was last raised, and when
SELECT a.alert_id, a.state, a.county_code, string_to_array(a.reasons, ',') AS reasons,
    to_char(life.opened, 'YYYY-MM') AS month,
    life.checked IS NOT NULL AS checked, life.confirmed IS NOT NULL AS confirmed,
    extract(epoch FROM life.closed - life.opened)::float8 / 86400 AS days_to_close,
    coalesce(
        given.due_on,
        (entered.since + make_interval(days => (%(due_days)s::jsonb ->> a.state)::int))::date
    ) < current_date AS overdue
FROM {table} AS a
CROSS JOIN LATERAL (
    SELECT max(t.at) AS opened
    FROM onemap.alert_trail AS t JOIN onemap.delivery AS d ON d.id = t.delivery
    WHERE t.alert_id = a.alert_id AND t.event IN ('raised', 'reopened') AND d.undone_at IS NULL
) AS began
CROSS JOIN LATERAL (
    SELECT began.opened,
        max(t.at) FILTER (WHERE t.to_state = 'field_check') AS checked,
        max(t.at) FILTER (WHERE t.to_state = 'confirmed') AS confirmed,
        max(t.at) FILTER (WHERE t.to_state = 'closed') AS closed
    FROM onemap.alert_trail AS t JOIN onemap.delivery AS d ON d.id = t.delivery
    WHERE t.alert_id = a.alert_id AND t.event = 'state' AND t.at >= began.opened
        AND d.undone_at IS NULL
) AS life
CROSS JOIN LATERAL (
    SELECT max(t.at) AS since
    FROM onemap.alert_trail AS t JOIN onemap.delivery AS d ON d.id = t.delivery
    WHERE t.alert_id = a.alert_id AND t.event IN ('raised', 'reopened', 'state')
        AND t.to_state = a.state AND d.undone_at IS NULL
) AS entered
LEFT JOIN LATERAL (
    SELECT t.due_on
    FROM onemap.alert_trail AS t LEFT JOIN onemap.delivery AS d ON d.id = t.delivery
    WHERE t.alert_id = a.alert_id AND t.due_on IS NOT NULL AND t.at >= entered.since
        AND d.undone_at IS NULL
    ORDER BY t.id DESC LIMIT 1
) AS given ON true
WHERE upper_inf(a.valid)
ORDER BY a.key
