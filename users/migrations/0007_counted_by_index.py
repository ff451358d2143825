from django.db import migrations, models


class Migration(migrations.Migration):
    """For the figures of the dashboard. The failures are django-axes' table, which has no index by time."""

    dependencies = [
        ("users", "0006_search"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="session",
            index=models.Index(condition=models.Q(("ended_at", None)), fields=["expires_at"], name="session_open"),
        ),
        migrations.RunSQL(
            "CREATE INDEX axes_failure_by_time ON axes_accessfailurelog (attempt_time)",
            "DROP INDEX axes_failure_by_time",
        ),
    ]
