"""The columns of an imported file that a person chose to ignore."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("spreadsheets", "0001_initial")]
    operations = [
        migrations.AddField("import", "ignored_columns", models.JSONField(db_default=[], default=list)),
    ]
