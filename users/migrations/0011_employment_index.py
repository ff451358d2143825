from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0010_employment")]
    operations = [
        AddIndexConcurrently(
            "user",
            models.Index(
                fields=["employed_until", "id"],
                condition=models.Q(employed_until__isnull=False),
                name="user_by_employed_until",
            ),
        )
    ]
