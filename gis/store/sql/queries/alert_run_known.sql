-- whether these two files have been compared already, by a run that still stands
SELECT EXISTS (
    SELECT FROM onemap.alert_run AS r JOIN onemap.delivery AS d ON d.id = r.delivery
    WHERE d.undone_at IS NULL
        AND r.inputs -> 'dsm_before' ->> 'digest' = %(before)s
        AND r.inputs -> 'dsm_after' ->> 'digest' = %(after)s
)
