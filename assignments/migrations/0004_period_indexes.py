from datetime import UTC, datetime

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Coalesce

STARTS_AT = Coalesce("starts_at", models.Value(datetime(1900, 1, 1, tzinfo=UTC)))
ENDS_AT = Coalesce("ends_at", models.Value(datetime(9999, 1, 1, tzinfo=UTC)))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("assignments", "0003_periods")]
    operations = [
        AddIndexConcurrently("warehouseuserassignment", models.Index(STARTS_AT, "id", name="assignment_by_starts_at")),
        AddIndexConcurrently("warehouseuserassignment", models.Index(ENDS_AT, "id", name="assignment_by_ends_at")),
    ]
