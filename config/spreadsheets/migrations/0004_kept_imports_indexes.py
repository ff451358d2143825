"""Indexes for the list of imports, and for the few of them that the queue asks for."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

QUEUED = models.Q(state__in=("checking", "applying"))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("spreadsheets", "0003_kept_imports")]
    operations = [
        AddIndexConcurrently("import", models.Index(fields=["created_at", "id"], name="import_newest")),
        AddIndexConcurrently("import", models.Index(fields=["kind", "created_at", "id"], name="import_newest_of_kind")),
        AddIndexConcurrently("import", models.Index(fields=["started_at"], condition=QUEUED, name="import_in_queue")),
        AddIndexConcurrently(
            "import",
            models.Index(fields=["started_at"], condition=models.Q(is_expired=False), name="import_to_expire"),
        ),
    ]
