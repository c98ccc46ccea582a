-- What an officer sends from the field and the desk: a photo is a step of the trail, and any step
-- may set the day by which the next is due. Whoever watches is told of each step as it is kept:
-- NOTIFY reaches its listeners in the order of commits, with the transaction or not at all.
ALTER TABLE onemap.alert_trail ADD COLUMN due_on date;
ALTER TABLE onemap.alert_trail ADD COLUMN document bigint REFERENCES onemap.document_link;
ALTER TABLE onemap.alert_trail DROP CONSTRAINT alert_trail_event_check;
ALTER TABLE onemap.alert_trail DROP CONSTRAINT alert_trail_assigned_check;
ALTER TABLE onemap.alert_trail ADD CONSTRAINT alert_trail_event_check CHECK (
    event IN ('raised', 'again', 'reopened', 'suppressed', 'state', 'assigned', 'due', 'photo'));
ALTER TABLE onemap.alert_trail ADD CONSTRAINT alert_trail_parts_check CHECK (
    (event = 'assigned') = (assignee IS NOT NULL)
    AND (event = 'photo') = (document IS NOT NULL)
    AND (event IN ('assigned', 'due', 'photo')) = (delivery IS NULL)
    AND (event <> 'due' OR due_on IS NOT NULL));
CREATE UNIQUE INDEX alert_trail_photo_once ON onemap.alert_trail (document)
    WHERE document IS NOT NULL;

CREATE FUNCTION onemap.tell_alert_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('onemap_alerts', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON onemap.alert_trail
    FOR EACH ROW EXECUTE FUNCTION onemap.tell_alert_step();
