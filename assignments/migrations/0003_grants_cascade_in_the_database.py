import django.db.models.deletion
from django.db import migrations, models

_TABLE = "assignments_warehousegrant"


def cascade(apps, schema_editor):
    """Replaces the foreign key that Django made by one that PostgreSQL itself cascades."""
    with schema_editor.connection.cursor() as cursor:
        constraints = schema_editor.connection.introspection.get_constraints(cursor, _TABLE)
    for name, constraint in constraints.items():
        if constraint["foreign_key"] and constraint["columns"] == ["assignment_id"]:
            schema_editor.execute(f'ALTER TABLE {_TABLE} DROP CONSTRAINT "{name}"')
    schema_editor.execute(
        f"ALTER TABLE {_TABLE} ADD CONSTRAINT warehousegrant_assignment_cascades FOREIGN KEY (assignment_id) "
        "REFERENCES assignments_warehouseuserassignment (id) ON DELETE CASCADE"
    )


class Migration(migrations.Migration):
    dependencies = [("assignments", "0002_history")]

    operations = [
        migrations.AlterField(
            model_name="warehousegrant",
            name="assignment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="grants",
                to="assignments.warehouseuserassignment",
            ),
        ),
        migrations.RunPython(cascade, migrations.RunPython.noop),
    ]
