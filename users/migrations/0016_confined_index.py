from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0015_site_manager")]
    operations = [
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=models.Q(is_confined=True), name="user_confined")
        )
    ]
