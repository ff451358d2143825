from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0002_roles_and_triggers")]
    operations = [migrations.AddField("session", "is_app_session", models.BooleanField(db_default=False, default=False, editable=False))]  # fmt: skip
