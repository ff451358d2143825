"""The warehouses whose rows a job has read. Of those before, nothing is known: they count as having read all."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("spreadsheets", "0006_undo")]
    operations = [
        migrations.AddField(model, "extent", ArrayField(models.BigIntegerField(), null=True))
        for model in ("import", "export", "undo")
    ]
