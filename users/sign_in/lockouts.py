"""Failed sign-ins as rows, and who is locked out by them now (contract 0.4, "Throttling").

django-axes' table has all of them. Those with a valid device cookie (`users.sign_in.device_cookies`) have a row of
ours besides, which names the device.
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

from users.sign_in.user_agent import in_plain_words

#: As long as an e-mail can be: anything longer is nobody's, and need not be told apart.
_ACCOUNT_CHARACTERS = 254


def key_of(email: str) -> str:
    """What the failures of an account are kept under, whether it exists or not."""
    return email.strip().lower().replace("\x00", "")[:_ACCOUNT_CHARACTERS]


def reset_path() -> str:
    """Where somebody asks for a new password, which is counted apart from signing in."""
    return reverse("admin_password_reset")


# --- Who is locked out ------------------------------------------------------------------------------------------
def locking() -> QuerySet[AccessFailureLog]:
    """The failures that lock their account now, each for one network or one browser; also those of made-up e-mails."""
    since = timezone.now() - timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS)
    return AccessFailureLog.objects.filter(locked_out=True, attempt_time__gt=since)


def locking_sign_in() -> QuerySet[AccessFailureLog]:
    return locking().exclude(path_info=reset_path())


@dataclass(frozen=True)
class Lockout:
    """One reason why a person cannot sign in, or ask for a new password, at the moment."""

    #: "sign-in", "reset" or "code".
    what: str
    until: datetime
    failures: int
    #: The network that is locked, as people write it; of a known browser, where it was last.
    network: str = ""
    #: What a known browser is called; "" where a whole network is locked.
    known_browser: str = ""


def lockouts_of(email: str) -> list[Lockout]:
    """What locks this e-mail out now, the newest first. One query."""
    rows = locking().filter(username=key_of(email)).select_related("devicefailure").order_by("-attempt_time")
    return [_lockout(row) for row in rows]


def _lockout(row: Any) -> Lockout:
    is_known = hasattr(row, "devicefailure")
    return Lockout(
        what="reset" if row.path_info == reset_path() else "sign-in",
        until=row.attempt_time + timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS),
        failures=settings.SIGN_IN_FAILURES,
        network=_network(row.ip_address or ""),
        known_browser=(in_plain_words(row.user_agent) or "?") if is_known else "",
    )


def _network(address: str) -> str:
    """Of IPv6 a whole network is kept (`users.sign_in.throttling`)."""
    return f"{address}/64" if ":" in address else address
