"""What may be registered for a client, in the Back Office as in the settings."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.support.servers import live
from users.models.oauth.client import check_origin, check_redirect_uri
from users.oauth.clients.default_client import check_default_client


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example.com/cb",
        "https://app.example.com/cb?tenant=1",
        "http://localhost:4200/cb",
        "http://[::1]/cb",
    ],
)
def test_addresses_that_may_be_registered(address: str) -> None:
    check_redirect_uri(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "app.example.com/cb",
        "//app.example.com/cb",
        "/cb",
        "https:///cb",
        "http://app.example.com/cb",
        "http://localhost.example.com/cb",
        "https://app.example.com/cb#top",
        "https://app.example.com/cb#",
        "https://*.example.com/cb",
        "https://somebody@app.example.com/cb",
        "https://app.example.com:none/cb",
        "https://app.example.com\\@example.org/cb",
        "https://app.example.com/a b",
        "https://äpp.example.com/cb",
        "javascript:alert(1)",
        "app://callback",
    ],
)
def test_addresses_that_may_not(address: str) -> None:
    with pytest.raises(ValidationError):
        check_redirect_uri(address)


@pytest.mark.parametrize("origin", ["https://app.example.com", "https://app.example.com:8443", "http://localhost:4200"])
def test_origins_as_browsers_send_them(origin: str) -> None:
    check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://*.example.com",
        "https://app.example.com/",
        "https://App.example.com",
        "https://app.example.com:443",
        "https://app.example.com:",
        "https://a@app.example.com",
        "http://app.example.com",
        "http://localhost:80",
    ],
)
def test_origins_that_no_browser_would_send_or_nobody_should_trust(origin: str) -> None:
    with pytest.raises(ValidationError):
        check_origin(origin)


# --- The default client, which the settings describe ------------------------------------------------------------
def test_settings_are_held_to_the_same(settings: Any) -> None:
    settings.DEFAULT_CLIENT_REDIRECT_URIS = ["https://app.example.com/cb", "nonsense"]
    settings.DEFAULT_CLIENT_ORIGINS = ["https://app.example.com/"]
    assert [fault.msg for fault in check_default_client()] == [
        "DEFAULT_CLIENT_REDIRECT_URIS: “nonsense” is not a complete address, such as https://app.example.com/oauth/cb.",
        "DEFAULT_CLIENT_ORIGINS: “https://app.example.com/” must be the beginning of an address in small letters, with "
        "nothing after the name of the site, such as https://app.example.com.",
    ]


@pytest.mark.thorough
def test_a_server_with_unusable_settings_does_not_start(db: None, settings: Any) -> None:
    environment = live.production_environment() | {"DEFAULT_CLIENT_ORIGINS": "https://app.example.com,app.example.com"}

    server = subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True
    )

    assert server.returncode == 1
    assert server.stderr == (
        "CommandError: DEFAULT_CLIENT_ORIGINS: “app.example.com” must be the beginning of an address in small letters, "
        "with nothing after the name of the site, such as https://app.example.com.\n"
    )
