from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEX = models.Index(
    fields=["warehouses_end_at"],
    condition=models.Q(is_warehouse_user=True, warehouses_end_at__isnull=False),
    name="user_by_warehouses_end_at",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0008_warehouses_end_at")]
    operations = [AddIndexConcurrently("user", INDEX)]
