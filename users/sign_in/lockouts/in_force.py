"""The lockouts in force, read from django-axes' table of failed sign-ins (contract 0.4, "Throttling").

A failure with a valid device cookie (`users.sign_in.lockouts.device_cookies`) has a second row, a `DeviceFailure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessFailureLog
from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from config.text import email_key
from users.sign_in.user_agent import in_plain_words

#: The longest e-mail address. Longer input belongs to no account, and is cut.
_ACCOUNT_CHARACTERS = 254


def key_of(email: str) -> str:
    """The normalized e-mail, by which failures are stored, whether or not the account exists."""
    return email_key(email)[:_ACCOUNT_CHARACTERS]


def reset_paths() -> tuple[str, str]:
    """The paths of password reset requests, which are counted separately from sign-ins."""
    return reverse("admin_password_reset"), reverse("account_password_reset")


# --- Lockouts ---------------------------------------------------------------------------------------------------
def locking() -> QuerySet[AccessFailureLog]:
    """The failures that lock an account now, each for one network or one browser. The account may not exist."""
    since = timezone.now() - timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS)
    return AccessFailureLog.objects.filter(locked_out=True, attempt_time__gt=since)


def locking_sign_in() -> QuerySet[AccessFailureLog]:
    return locking().exclude(path_info__in=reset_paths())


def wrong_passwords(email: str) -> int:
    """The failed sign-ins that count towards a lockout, from any network or browser. One query."""
    since = timezone.now() - timedelta(seconds=settings.SIGN_IN_WINDOW_SECONDS)
    failed = AccessFailureLog.objects.filter(username=key_of(email), attempt_time__gt=since)
    return failed.exclude(path_info__in=reset_paths()).count()


def end_of_lockout(began: datetime) -> datetime:
    return began + timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS)


@dataclass(frozen=True)
class Lockout:
    """One lockout of a person."""

    #: "sign-in", "reset" or "code".
    what: str
    until: datetime
    failures: int
    #: The locked network; of a known browser, its last address.
    network: str = ""
    #: The name of a known browser; "" if a network is locked.
    known_browser: str = ""


def lockouts_of(email: str) -> list[Lockout]:
    """The lockouts of an e-mail, the newest first. One query."""
    rows = locking().filter(username=key_of(email)).select_related("devicefailure").order_by("-attempt_time")
    return [_lockout(row) for row in rows]


def _lockout(row: Any) -> Lockout:
    address = row.ip_address or ""
    return Lockout(
        what="reset" if row.path_info in reset_paths() else "sign-in",
        until=end_of_lockout(row.attempt_time),
        failures=settings.SIGN_IN_FAILURES,
        network=f"{address}/64" if ":" in address else address,
        known_browser=(in_plain_words(row.user_agent) or "?") if hasattr(row, "devicefailure") else "",
    )
