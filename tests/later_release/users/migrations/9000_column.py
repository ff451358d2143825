from django.db import migrations, models

from tests.later_release import newest
from users import migrations as ours


class Migration(migrations.Migration):
    """Waits until nobody reads the table, and all who come later wait behind it."""

    dependencies = [("users", newest(ours))]

    operations = [migrations.AddField("user", "came_later", models.DateTimeField(null=True))]
