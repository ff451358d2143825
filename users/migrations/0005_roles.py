from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from users import roles


def make(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for label in ("auth", "users", "warehouses", "assignments"):
        app = apps.get_app_config(label)
        app.models_module = True  # type: ignore[assignment]  # else Django takes it for an app without models
        create_permissions(app, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        app.models_module = None
    roles.make_groups(apps.get_model("auth", "Group"), apps.get_model("auth", "Permission"))


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=roles.ROLES).delete()


class Migration(migrations.Migration):
    """Permissions are otherwise made after the last migration, which is too late for the groups that hold them."""

    dependencies = [
        ("users", "0004_user_signed_out_at"),
        ("warehouses", "0002_history"),
        ("assignments", "0002_history"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, remove)]
