from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0016_event_request_index")]
    operations = [
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=models.Q(is_confined=True), name="user_confined")
        )
    ]
