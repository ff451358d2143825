from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0003_history_by_index")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="signed_out_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
