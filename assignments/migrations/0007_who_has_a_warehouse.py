from django.db import migrations

#: Each person is locked before their assignments are looked at: of two who take the last two away at once, the
#: second looks when the first is done.
FUNCTIONS = """
CREATE FUNCTION note_who_has_a_warehouse(people bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users_user WHERE id = ANY (people) ORDER BY id FOR NO KEY UPDATE;
    UPDATE users_user SET has_warehouse = NOT has_warehouse
    WHERE id = ANY (people) AND has_warehouse <> EXISTS (
        SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id
    );
END $$;

CREATE FUNCTION note_whom_these_rows_concern() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY(SELECT DISTINCT user_id FROM these_rows));
    RETURN NULL;
END $$;

CREATE FUNCTION note_whom_this_row_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY[OLD.user_id, NEW.user_id]);
    RETURN NULL;
END $$;

CREATE FUNCTION note_that_nobody_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY(SELECT id FROM users_user WHERE has_warehouse));
    RETURN NULL;
END $$;

CREATE FUNCTION tell_whether_this_person_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_warehouse := EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = NEW.id);
    RETURN NEW;
END $$;
"""

NO_FUNCTIONS = """
DROP FUNCTION tell_whether_this_person_has_a_warehouse;
DROP FUNCTION note_that_nobody_has_a_warehouse;
DROP FUNCTION note_whom_this_row_left;
DROP FUNCTION note_whom_these_rows_concern;
DROP FUNCTION note_who_has_a_warehouse;
"""

#: The last one guards the column itself: saving a person writes all columns, also this one as it was read before.
TRIGGERS = """
CREATE TRIGGER has_warehouse_assigned AFTER INSERT ON assignments_warehouseuserassignment
    REFERENCING NEW TABLE AS these_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_whom_these_rows_concern();
CREATE TRIGGER has_warehouse_deassigned AFTER DELETE ON assignments_warehouseuserassignment
    REFERENCING OLD TABLE AS these_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_whom_these_rows_concern();
CREATE TRIGGER has_warehouse_handed_over AFTER UPDATE OF user_id ON assignments_warehouseuserassignment
    FOR EACH ROW WHEN (OLD.user_id <> NEW.user_id) EXECUTE FUNCTION note_whom_this_row_left();
CREATE TRIGGER has_warehouse_emptied AFTER TRUNCATE ON assignments_warehouseuserassignment
    FOR EACH STATEMENT EXECUTE FUNCTION note_that_nobody_has_a_warehouse();
CREATE TRIGGER has_warehouse_written BEFORE INSERT OR UPDATE OF has_warehouse ON users_user
    FOR EACH ROW EXECUTE FUNCTION tell_whether_this_person_has_a_warehouse();
"""

NO_TRIGGERS = """
DROP TRIGGER has_warehouse_written ON users_user;
DROP TRIGGER has_warehouse_emptied ON assignments_warehouseuserassignment;
DROP TRIGGER has_warehouse_handed_over ON assignments_warehouseuserassignment;
DROP TRIGGER has_warehouse_deassigned ON assignments_warehouseuserassignment;
DROP TRIGGER has_warehouse_assigned ON assignments_warehouseuserassignment;
"""

#: Either way: people may have come, and been assigned, between the column and its triggers.
CORRECT = """
UPDATE users_user SET has_warehouse = NOT has_warehouse
WHERE has_warehouse <> EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id)
"""


class Migration(migrations.Migration):
    """Keeps `User.has_warehouse` right, whoever writes assignments: these doors, a cascade, or SQL by hand.

    So that to find the few without a warehouse among a million people reads an index of just those.
    """

    dependencies = [
        ("assignments", "0006_words"),
        ("users", "0010_has_warehouse"),
        ("pghistory", "0005_events_middlewareevents"),  # its triggers look at who was corrected
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL(CORRECT, migrations.RunSQL.noop),
    ]
