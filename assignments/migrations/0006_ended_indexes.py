from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

HAS_END = models.Q(ends_at__isnull=False)
INDEXES = [
    models.Index(fields=["warehouse", "ends_at"], condition=HAS_END, name="assignment_here_by_ends_at"),
    models.Index(fields=["ends_at"], condition=HAS_END & models.Q(is_active=True), name="assignment_active_ends_at"),
]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("assignments", "0005_ended")]
    operations = [AddIndexConcurrently("warehouseuserassignment", index) for index in INDEXES]
