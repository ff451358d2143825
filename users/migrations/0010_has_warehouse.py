from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether any warehouse is assigned to a person. `assignments` fills it in and keeps it right by triggers."""

    dependencies = [
        ("users", "0009_clients_and_codes"),
    ]

    operations = [
        # First true for everybody, which PostgreSQL notes without touching a row: `assignments` corrects the few.
        migrations.AddField(
            model_name="user",
            name="has_warehouse",
            field=models.BooleanField(db_default=True, default=True, editable=False),
        ),
        migrations.AlterField(
            model_name="user",
            name="has_warehouse",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("has_warehouse", False), ("is_warehouse_user", True)),
                fields=["status", "id"],
                name="user_without_warehouse",
            ),
        ),
    ]
