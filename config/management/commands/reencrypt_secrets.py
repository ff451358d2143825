"""`manage.py reencrypt_secrets`: encrypts stored data with a new `SECRET_KEY` (`docs/upgrade-and-restore.md`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils.text import capfirst

from config.web import back_office_sessions


class Command(BaseCommand):
    help = (
        "Encrypts signing keys, second factors, files of imports and exports, and Back Office sessions anew with "
        "SECRET_KEY. Run it once every server has the new SECRET_KEY, and the old one in SECRET_KEY_FALLBACKS."
    )

    def handle(self, **options: Any) -> None:
        unreadable = 0
        for what, reencrypt in _encrypted():
            written, left = reencrypt()
            unreadable += left
            self.stdout.write(f"{what}: {written} encrypted anew.")
        if unreadable:
            raise CommandError(
                f"{unreadable} rows open neither with SECRET_KEY nor with one of SECRET_KEY_FALLBACKS, and stay as "
                "they are. If an older secret is still known, add it to SECRET_KEY_FALLBACKS and run this again."
            )


def _encrypted() -> Iterator[tuple[str, Callable[[], tuple[int, int]]]]:
    """Models whose manager has `reencrypt`, and Back Office sessions."""
    for model in apps.get_models():
        if hasattr(model._default_manager, "reencrypt"):
            yield str(capfirst(model._meta.verbose_name_plural)), model._default_manager.reencrypt
    yield "Back Office sessions", back_office_sessions.reencrypt
