from django.db import migrations

#: `User.warehouses_end_at`, which the triggers of `User.has_warehouse` (0001) maintain, too. Both are read by index.
FUNCTIONS = """
CREATE FUNCTION end_of_warehouses(person bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(ends_at) FROM assignments_warehouseuserassignment
    WHERE user_id = person AND NOT EXISTS (
        SELECT FROM assignments_warehouseuserassignment WHERE user_id = person AND ends_at IS NULL
    )
$$;

CREATE OR REPLACE FUNCTION note_who_has_a_warehouse(people bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users_user WHERE id = ANY (people) ORDER BY id FOR NO KEY UPDATE;
    UPDATE users_user SET has_warehouse = known.has_one, warehouses_end_at = known.ends_at
    FROM unnest(people) AS person (id) CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = person.id) AS has_one,
            end_of_warehouses(person.id) AS ends_at
    ) AS known
    WHERE users_user.id = person.id
        AND (has_warehouse, warehouses_end_at) IS DISTINCT FROM (known.has_one, known.ends_at);
END $$;

CREATE OR REPLACE FUNCTION tell_whether_this_person_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_warehouse := EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = NEW.id);
    NEW.warehouses_end_at := CASE WHEN NEW.has_warehouse THEN end_of_warehouses(NEW.id) END;
    RETURN NEW;
END $$;

CREATE TRIGGER has_warehouse_until AFTER UPDATE OF ends_at ON assignments_warehouseuserassignment
    FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at) EXECUTE FUNCTION note_whom_this_row_left();
CREATE OR REPLACE TRIGGER has_warehouse_written BEFORE INSERT OR UPDATE OF has_warehouse, warehouses_end_at ON users_user
    FOR EACH ROW EXECUTE FUNCTION tell_whether_this_person_has_a_warehouse();

SELECT note_who_has_a_warehouse(
    ARRAY(SELECT DISTINCT user_id FROM assignments_warehouseuserassignment WHERE ends_at IS NOT NULL)
);
"""
NO_FUNCTIONS = """
CREATE OR REPLACE TRIGGER has_warehouse_written BEFORE INSERT OR UPDATE OF has_warehouse ON users_user
    FOR EACH ROW EXECUTE FUNCTION tell_whether_this_person_has_a_warehouse();
DROP TRIGGER has_warehouse_until ON assignments_warehouseuserassignment;

CREATE OR REPLACE FUNCTION tell_whether_this_person_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_warehouse := EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = NEW.id);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION note_who_has_a_warehouse(people bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users_user WHERE id = ANY (people) ORDER BY id FOR NO KEY UPDATE;
    UPDATE users_user SET has_warehouse = NOT has_warehouse
    WHERE id = ANY (people) AND has_warehouse <> EXISTS (
        SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id
    );
END $$;

DROP FUNCTION end_of_warehouses;
"""


class Migration(migrations.Migration):
    dependencies = [("assignments", "0004_period_indexes"), ("users", "0008_warehouses_end_at")]
    operations = [migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS)]
