"""Signing keys, as a client of the API sees them."""

from __future__ import annotations

from typing import Any

import jwt
from django.core.management import call_command
from django.test import Client

from tests.support.api.client import FORM
from users.models.oauth.signing_key import SigningKey
from users.oauth.key_ring import key_ring


def rotate(*options: str) -> SigningKey:
    """`manage.py rotate_signing_key`, when every server has noticed. Returns the new key."""
    call_command("rotate_signing_key", *options)
    key_ring.read()
    return SigningKey.objects.latest("created_at")


def published() -> list[str]:
    return [key["kid"] for key in Client().get("/.well-known/jwks.json").json()["keys"]]


def signer_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def refresh(refresh_token: str) -> Any:
    body = f"grant_type=refresh_token&refresh_token={refresh_token}"
    return Client(raise_request_exception=False).post("/token", body, content_type=FORM)
