"""The system check of the one administrator who always gets in, which `manage.py serve` runs with the database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from users.models import User

NO_ADMINISTRATOR = (
    "BREAK_GLASS_EMAIL: {email} is no active administrator with a password and without an end of employment. While a "
    "provider is down, nobody may be able to sign in to the Back Office. Make them one, or name somebody else."
)


@register(Tags.database)
def check_break_glass(databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A warning if the setting names somebody whose password would not help. With `--database default` only."""
    email = settings.BREAK_GLASS_EMAIL
    if not (email and databases):
        return []
    if any(one.has_usable_password() for one in User.objects.lasting_administrators().by_email(email)):
        return []
    return [Warning(NO_ADMINISTRATOR.format(email=email), id="users.W001")]
