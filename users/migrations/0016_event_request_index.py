from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0015_site_manager")]
    operations = [
        AddIndexConcurrently(
            "auditevent",
            models.Index(
                fields=["request_id", "at", "id"],
                condition=~models.Q(request_id=""),
                name="auditevent_by_request",
            ),
        )
    ]
