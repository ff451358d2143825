from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0007_people_without_mailbox")]
    operations = [migrations.AddField("user", "warehouses_end_at", models.DateTimeField(null=True, editable=False))]
