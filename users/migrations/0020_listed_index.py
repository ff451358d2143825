from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0019_provisioning")]
    operations = [
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=~models.Q(status="deleted"), name="user_listed")
        )
    ]
