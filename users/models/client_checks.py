"""What is wrong with the settings about clients. `manage.py serve` asks before it serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError

from users.models.client import check_origin, check_redirect_uri

_CHECKED = {"DEFAULT_CLIENT_REDIRECT_URIS": check_redirect_uri, "DEFAULT_CLIENT_ORIGINS": check_origin}


@register("settings")
def default_client_is_sound(**_: Any) -> list[CheckMessage]:
    """One line for each value that could not be registered in the Back Office either."""
    return [Error(f"{name}: {fault}", id="users.E001") for name in _CHECKED for fault in _faults(name)]


def _faults(name: str) -> Iterator[str]:
    for value in getattr(settings, name):
        try:
            _CHECKED[name](value)
        except ValidationError as refusal:
            yield from refusal.messages
