"""System checks of the default client's settings, which `manage.py serve` runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError

from users.models.oauth.client import check_origin, check_redirect_uri

_CHECKED = {"DEFAULT_CLIENT_REDIRECT_URIS": check_redirect_uri, "DEFAULT_CLIENT_ORIGINS": check_origin}


@register("settings")
def check_default_client(**_: Any) -> list[CheckMessage]:
    """An error for each value that could not be registered in the Back Office."""
    return [Error(f"{name}: {fault}", id="users.E001") for name in _CHECKED for fault in _faults(name)]


def _faults(name: str) -> Iterator[str]:
    for value in getattr(settings, name):
        try:
            _CHECKED[name](value)
        except ValidationError as refusal:
            yield from refusal.messages
