from django.db import migrations


class Migration(migrations.Migration):
    """Every sign-in asks for the account's failures: an attack upon one account must not make that slow."""

    dependencies = [("users", "0007_counted_by_index")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX axes_failure_by_account ON axes_accessfailurelog (username, ip_address, attempt_time)",
            "DROP INDEX axes_failure_by_account",
        ),
    ]
