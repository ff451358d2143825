from django.db import migrations, models

from config.spreadsheets import migrations as ours
from tests.later_release import newest


class Migration(migrations.Migration):
    """In a transaction."""

    dependencies = [("spreadsheets", newest(ours)), ("assignments", "9000_indexes")]

    operations = [migrations.AddIndex("import", models.Index(fields=["created_at"], name="import_later_by_created_at"))]
