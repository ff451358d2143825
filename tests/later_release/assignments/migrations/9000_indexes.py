from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from assignments import migrations as ours
from tests.later_release import newest


class Migration(migrations.Migration):
    """Made while others write, in no transaction."""

    atomic = False

    dependencies = [("assignments", newest(ours)), ("users", "9000_column")]

    operations = [
        AddIndexConcurrently(
            "warehouseuserassignment", models.Index(fields=["user", column], name=f"assignment_later_by_{column}")
        )
        for column in ("is_active", "created_at", "updated_at")
    ]
