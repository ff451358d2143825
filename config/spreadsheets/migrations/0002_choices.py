"""What a person chose after the check of a file: to ignore columns, and to leave out the rows with faults."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("spreadsheets", "0001_initial")]
    operations = [
        migrations.AddField("import", "ignored_columns", models.JSONField(db_default=[], default=list)),
        migrations.AddField("import", "leaves_out_faulty", models.BooleanField(db_default=False, default=False)),
    ]
