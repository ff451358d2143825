"""`manage.py rotate_signing_key`: rotates the key of tokens. No session ends."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.translation import gettext_noop

from config.audit.log import audit
from users.models import Session, SigningKey
from users.models.oauth.signing_key import REREAD_SECONDS, signer_among

_UNREADABLE = (
    "Keys that this SECRET_KEY does not open: {count}. Servers with this SECRET_KEY believe none of their tokens, and "
    "servers with another one none of the new key: give all of them the same."
)


class Command(BaseCommand):
    help = (
        "Makes a new key for signing tokens. It is published at once and signs after KEY_PUBLISHED_SECONDS; "
        "the keys before it verify until their last token has ended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--now",
            action="store_true",
            help="do not wait for the services that keep our key set: it signs as soon as every server can know it",
        )
        how.add_argument(
            "--compromised",
            action="store_true",
            help="a key has leaked: remove all others at once and end every session",
        )

    def handle(self, *, now: bool, compromised: bool, **options: Any) -> None:
        unreadable = {key.kid for key in SigningKey.objects.verifying() if not key.is_readable}
        if compromised:
            ended = _replace_compromised()
            self.stdout.write(f"All older keys are removed. Sessions ended: {ended}.")
            follows = "No token of an older key is believed from the next request on."
        else:
            SigningKey.objects.rotate(published_seconds=0 if now else settings.KEY_PUBLISHED_SECONDS)
            follows = f"Running servers follow within {REREAD_SECONDS} seconds, restarted ones at once."
        for line in _states(unreadable):
            self.stdout.write(line)
        if unreadable:
            self.stdout.write(_UNREADABLE.format(count=len(unreadable)))
        self.stdout.write(follows)


def _replace_compromised() -> int:
    """Also ends all sessions: tokens of the leaked key may be forged. Returns the number of ended sessions."""
    with transaction.atomic():
        key, removed = SigningKey.objects.replace_all()
        ended = Session.objects.end_all(gettext_noop("signing key compromised"))
        audit.warning(
            "Signing Key Rotated", tag="signing_key_rotated", kid=key.kid, compromised=removed, sessions=ended
        )
    return ended


def _states(unreadable: set[str]) -> Iterator[str]:
    """A line with the state of each key, newest first."""
    keys = list(SigningKey.objects.all())
    signing = signer_among(key for key in keys if key.kid not in unreadable)
    for key in keys:
        does = [
            "cannot be read with this SECRET_KEY" if key.kid in unreadable else _signs(key, signing),
            f"verifies until {key.verifies_until:%F %T} UTC" if key.verifies_until else "",
        ]
        yield f"{key.kid}  {', '.join(filter(None, does))}"


def _signs(key: SigningKey, signing: SigningKey | None) -> str:
    if key == signing:
        return "signs now"
    return "" if key.has_started else f"signs from {key.signs_from:%F %T} UTC"
