from __future__ import annotations

from typing import Any

from django.db import migrations

from users.authenticators import recovery_digest, sealed


def hide(apps: Any, schema_editor: Any) -> None:
    """Encrypts the keys there are, and keeps digests of the recovery codes. Both go on working."""
    for device in apps.get_model("otp_totp", "TOTPDevice").objects.all():
        device.key = sealed(device.key, device.user_id)
        device.save(update_fields=["key"])
    for token in apps.get_model("otp_static", "StaticToken").objects.select_related("device__user"):
        token.token = recovery_digest(token.device.user.uuid, token.token)
        token.save(update_fields=["token"])


class Migration(migrations.Migration):
    """Whoever reads a backup must not be able to show anybody's second factor."""

    dependencies = [
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
        ("users", "0016_security_events_by_account"),
    ]

    operations = [
        migrations.CreateModel(
            name="Authenticator",
            fields=[],
            options={"proxy": True, "default_permissions": (), "indexes": [], "constraints": []},
            bases=("otp_totp.totpdevice",),
        ),
        migrations.RunPython(hide),
    ]
