"""The role of site managers, who are confined to the warehouses that they manage."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROLE = "Site manager"
#: Model → actions.
RIGHTS = {
    "users.user": "view add change",
    "users.session": "view change",
    "warehouses.warehouse": "view",
    "assignments.warehouseuserassignment": "view add change delete",
}


def make_role(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A role of this name that staff have made stays as it is."""
    role, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=ROLE)
    for model, actions in RIGHTS.items() if is_new else ():
        app, name = model.split(".")
        codenames = [f"{action}_{name}" for action in actions.split()]
        of_model = {"content_type__app_label": app, "codename__in": codenames}
        role.permissions.add(*apps.get_model("auth", "Permission").objects.filter(**of_model))


#: The history begins with the role's name, noted as made in the database, as with the other roles (0002).
UNRECORDED = "SET LOCAL pgtrigger.ignore = '{pgtrigger_insert_insert_204d5, pgtrigger_insert_insert_ed152}'"
BEGIN = """
INSERT INTO users_roleevent (pgh_created_at, pgh_label, pgh_obj_id, id, name)
SELECT now(), 'insert', id, id, name FROM auth_group
WHERE name = %s AND id NOT IN (SELECT pgh_obj_id FROM users_roleevent WHERE pgh_obj_id IS NOT NULL)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0014_confinement"),
        ("assignments", "0008_managed_warehouses"),
    ]

    operations = [
        migrations.RunSQL(UNRECORDED, migrations.RunSQL.noop),
        migrations.RunPython(make_role, migrations.RunPython.noop),
        migrations.RunSQL([(BEGIN, [ROLE])], migrations.RunSQL.noop),
    ]
