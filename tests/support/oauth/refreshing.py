"""Refresh tokens at `/token`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.test import Client

from tests.support.api.client import FORM

BAD_REFRESH_TOKEN = {"error": "invalid_request", "error_description": "The refresh token is invalid."}


def token(**parameters: str) -> Any:
    """The answer of `POST /token` to a form."""
    return Client(REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Handheld 9"}).post(
        "/token", urlencode(parameters), content_type=FORM
    )


def refresh(refresh_token: str, **parameters: str) -> Any:
    return token(grant_type="refresh_token", refresh_token=refresh_token, **parameters)
