"""`GET /.well-known/oauth-authorization-server`: what client libraries configure themselves with (RFC 8414)."""

from __future__ import annotations

from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from django.test import Client

PATH = "/.well-known/oauth-authorization-server"
SITE = "https://warehouse.example.com"


@pytest.fixture
def told(settings: Any) -> dict[str, Any]:
    settings.ISSUER = SITE
    answer = Client().get(PATH)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Cache-Control"] == "public, max-age=300"
    return answer.json()


def test_it_is_what_the_standard_asks_for(told: dict[str, Any]) -> None:
    AuthorizationServerMetadata(told).validate()


def test_it_names_every_route_by_the_sites_public_address(told: dict[str, Any]) -> None:
    assert {name: value for name, value in told.items() if isinstance(value, str)} == {
        "issuer": SITE,
        "authorization_endpoint": f"{SITE}/authorize",
        "token_endpoint": f"{SITE}/token",
        "jwks_uri": f"{SITE}/.well-known/jwks.json",
        "revocation_endpoint": f"{SITE}/revoke",
        "introspection_endpoint": f"{SITE}/introspect",
    }


def test_it_offers_what_is_served_and_no_more(told: dict[str, Any]) -> None:
    """In particular neither the implicit grant nor `plain` challenges (RFC 9700 sections 2.1.1 and 2.1.2)."""
    methods = ["none", "client_secret_basic", "client_secret_post"]
    assert {name: value for name, value in told.items() if isinstance(value, list)} == {
        "scopes_supported": ["user", "back-office-user", "warehouse-user", "warehouse"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "password", "refresh_token"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods[1:],
        "code_challenge_methods_supported": ["S256"],
    }
