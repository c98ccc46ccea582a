-- Who an alert is given to. A step of its trail like any other, but no version of the alert: the
-- map is the same map whoever drives out.
ALTER TABLE onemap.alert_trail DROP CONSTRAINT alert_trail_event_check;
ALTER TABLE onemap.alert_trail ADD CONSTRAINT alert_trail_event_check CHECK (
    event IN ('raised', 'again', 'reopened', 'suppressed', 'state', 'assigned'));
ALTER TABLE onemap.alert_trail ADD COLUMN assignee text CHECK (length(btrim(assignee)) > 0);
ALTER TABLE onemap.alert_trail ALTER COLUMN delivery DROP NOT NULL;
ALTER TABLE onemap.alert_trail ADD CONSTRAINT alert_trail_assigned_check CHECK (
    (event = 'assigned') = (assignee IS NOT NULL) AND (event = 'assigned') = (delivery IS NULL));
