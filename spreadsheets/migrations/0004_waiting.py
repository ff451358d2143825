from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("spreadsheets", "0003_keeping"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="is_waiting",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
