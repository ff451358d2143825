"""The roles of the Back Office, which hold permissions for all apps, and the columns of a person that triggers write.

Both need tables that come after those of this app.
"""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

#: Role → model → actions.
ROLES = {
    "Administrator": {
        "users.user": "view add change delete",
        "users.client": "view add change delete",
        "warehouses.warehouse": "view add change delete",
        "assignments.warehouseuserassignment": "view add change delete",
        "auth.group": "view add change delete",
        "users.session": "view change",
        "users.auditevent": "view",
    },
    "Staff manager": {
        "users.user": "view add change delete",
        "assignments.warehouseuserassignment": "view add change delete",
        "users.session": "view change",
        "warehouses.warehouse": "view",
    },
    "Warehouse manager": {
        "warehouses.warehouse": "view add change delete",
        "assignments.warehouseuserassignment": "view add change delete",
        "users.user": "view",
    },
    "Auditor": {
        "users.user": "view",
        "users.session": "view",
        "users.client": "view",
        "warehouses.warehouse": "view",
        "assignments.warehouseuserassignment": "view",
        "auth.group": "view",
        "users.auditevent": "view",
    },
}


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Permissions are otherwise made after the last migration, which is too late for the groups that hold them."""
    for label in ("auth", "users", "warehouses", "assignments"):
        app = apps.get_app_config(label)
        app.models_module = True  # else Django takes it for an app without models
        create_permissions(app, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        app.models_module = None
    for role, models_of_role in ROLES.items():
        made, _ = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        for model, actions in models_of_role.items():
            app, name = model.split(".")
            codenames = [f"{action}_{name}" for action in actions.split()]
            of_model = {"content_type__app_label": app, "codename__in": codenames}
            made.permissions.add(*apps.get_model("auth", "Permission").objects.filter(**of_model))


def remove_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


#: The history begins with the roles' names, noted as made in the database, and tells of each right that a role is given
#: or loses later. Until the transaction ends, the triggers with these names do nothing (django-pgtrigger).
UNRECORDED = "SET LOCAL pgtrigger.ignore = '{pgtrigger_insert_insert_204d5, pgtrigger_insert_insert_ed152}'"
BEGIN = """
INSERT INTO users_roleevent (pgh_created_at, pgh_label, pgh_obj_id, id, name)
SELECT now(), 'insert', id, id, name FROM auth_group
"""

#: Roles, second factor and the time of the last password are columns that PostgreSQL writes: an update that sets them
#: to anything else has no effect. So the triggers of the history see them change, whoever changes them. A password
#: stored anew with a stronger hash at a sign-in counts as changed.
FACTS = """
CREATE FUNCTION users_user_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.roles = ARRAY(
        SELECT name FROM auth_group JOIN users_user_groups ON group_id = auth_group.id
        WHERE user_id = NEW.id ORDER BY name
    );
    NEW.has_two_factor = EXISTS (SELECT FROM otp_totp_totpdevice WHERE user_id = NEW.id AND confirmed);
    NEW.password_changed_at = CASE WHEN NEW.password = OLD.password THEN OLD.password_changed_at ELSE now() END;
    RETURN NEW;
END $$;
CREATE TRIGGER users_user_facts BEFORE UPDATE OF roles, has_two_factor, password, password_changed_at ON users_user
    FOR EACH ROW EXECUTE FUNCTION users_user_facts();
"""

#: Updates the people concerned by changed rows of other tables, in the order of their ids.
TOUCH = """
CREATE FUNCTION users_touch(people bigint[]) RETURNS void LANGUAGE sql AS $$
    WITH concerned AS MATERIALIZED (SELECT id FROM users_user WHERE id = ANY (people) ORDER BY id FOR NO KEY UPDATE)
    UPDATE users_user SET roles = roles WHERE id IN (SELECT id FROM concerned)
$$;

CREATE FUNCTION users_touch_by_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM users_touch(ARRAY(SELECT user_id FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION users_touch_by_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM users_touch(ARRAY(SELECT user_id FROM users_user_groups WHERE group_id = NEW.id));
    RETURN NULL;
END $$;

CREATE TRIGGER users_membership_begins AFTER INSERT ON users_user_groups REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
CREATE TRIGGER users_membership_ends AFTER DELETE ON users_user_groups REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
CREATE TRIGGER users_membership_leaves AFTER UPDATE ON users_user_groups REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
CREATE TRIGGER users_membership_moves AFTER UPDATE ON users_user_groups REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
CREATE TRIGGER users_group_is_renamed AFTER UPDATE OF name ON auth_group
    FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION users_touch_by_group();
CREATE TRIGGER users_second_factor_begins AFTER INSERT ON otp_totp_totpdevice REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
CREATE TRIGGER users_second_factor_ends AFTER DELETE ON otp_totp_totpdevice REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_touch_by_user();
"""
NO_FACTS = """
DROP FUNCTION users_touch_by_group() CASCADE;
DROP FUNCTION users_touch_by_user() CASCADE;
DROP FUNCTION users_touch(bigint[]);
DROP FUNCTION users_user_facts() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("assignments", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
        ("users", "0001_initial"),
        ("warehouses", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Authenticator",
            fields=[],
            options={"proxy": True, "default_permissions": ()},
            bases=("otp_totp.totpdevice",),
        ),
        migrations.CreateModel(
            name="RecoveryCodes",
            fields=[],
            options={"proxy": True, "default_permissions": ()},
            bases=("otp_static.staticdevice",),
        ),
        migrations.RunSQL(UNRECORDED, migrations.RunSQL.noop),
        migrations.RunPython(make_roles, remove_roles),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
        migrations.RunSQL([FACTS, TOUCH], NO_FACTS),
    ]
