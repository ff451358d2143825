from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("assignments", "0001_initial")]
    operations = [
        AddIndexConcurrently(
            "warehouseuserassignment",
            models.Index(fields=["id"], condition=models.Q(is_active=True), name="assignment_active"),
        )
    ]
