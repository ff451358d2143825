"""Which sheet of a workbook is read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("spreadsheets", "0004_kept_imports_indexes")]
    operations = [
        migrations.AddField("import", "sheet_name", models.CharField(db_default="", default="", max_length=100)),
    ]
