import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Failures in a browser that is known to its person are counted by themselves."""

    dependencies = [
        ("axes", "0010_accessattemptexpiration"),
        ("otp_static", "0003_add_timestamps"),
        ("users", "0017_second_factor_in_no_clear_text"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeviceFailure",
            fields=[
                (
                    "accessfailurelog_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="axes.accessfailurelog",
                    ),
                ),
                ("device", models.UUIDField(db_index=True)),
            ],
            options={"default_permissions": ()},
            bases=("axes.accessfailurelog",),
        ),
        migrations.CreateModel(
            name="RecoveryCodes",
            fields=[],
            options={"proxy": True, "default_permissions": (), "indexes": [], "constraints": []},
            bases=("otp_static.staticdevice",),
        ),
    ]
