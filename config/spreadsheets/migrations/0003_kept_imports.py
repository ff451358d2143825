"""Imports are kept as records, without their files."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("spreadsheets", "0002_choices")]
    operations = [
        migrations.AddField("import", "applied_at", models.DateTimeField(null=True)),
        migrations.AddField("import", "is_expired", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("import", "replacements", models.JSONField(db_default=[], default=list)),
    ]
