from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built while others write, which cannot be part of a transaction."""

    atomic = False

    dependencies = [("assignments", "0007_who_has_a_warehouse")]

    operations = [
        AddIndexConcurrently(
            model_name="warehouseuserassignment",
            index=models.Index(fields=["warehouse", column, "id"], name=f"assignment_here_by_{column}"),
        )
        for column in ("is_active", "created_at", "updated_at")
    ]
