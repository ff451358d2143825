"""The code flow as the Fulfillment App walks it: a login form at `/authorize`, then `/token` (contract section 6)."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from tests.support.api.client import FORM, PASSWORD
from users.models import User
from users.models.oauth.client import Client

APP = "https://app.example.test/oauth/cb/spryker"
PARTNER = "https://partner.example.test/callback"
VERIFIER = "a-verifier_that.nobody~guesses-0123456789-ABCDEFG"

MALFORMED = (
    "invalid_request",
    "The request is missing a required parameter, includes an invalid parameter value, "
    "includes a parameter more than once, or is otherwise malformed.",
)
BAD_CLIENT = ("invalid_client", "Client authentication failed")
BAD_CREDENTIALS = ("invalid_grant", "The user credentials were incorrect.")
BAD_REFRESH_TOKEN = ("invalid_request", "The refresh token is invalid.")
BAD_GRANT = (
    "invalid_grant",
    "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is "
    "invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued "
    "to another client.",
)


@pytest.fixture
def app(db: None, settings: Any) -> str:
    """The default client, with one redirect address registered."""
    settings.DEFAULT_CLIENT_REDIRECT_URIS = [APP]
    return settings.DEFAULT_CLIENT_ID


@pytest.fixture
def partner(db: None) -> Client:
    """A confidential client; what it proves itself with is its attribute `secret`."""
    return register("partner")


def register(client_id: str, *, is_confidential: bool = True) -> Any:
    client = Client(client_id=client_id, name=client_id, redirect_uris=[PARTNER], is_confidential=is_confidential)
    secret = client.make_secret() if is_confidential else None
    client.save()
    client.secret = secret
    return client


# --- What is sent -----------------------------------------------------------------------------------------------
def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def send(path: str, parameters: dict[str, Any], address: str = "192.0.2.7", **headers: str) -> Any:
    """The answer to a form; parameters that are None are left out."""
    body = urlencode({name: value for name, value in parameters.items() if value is not None})
    browser = Browser(REMOTE_ADDR=address, raise_request_exception=False)
    return browser.post(path, body, content_type=FORM, headers=headers)


def login_form(user: User | str, **changes: Any) -> dict[str, Any]:
    """What the app's own login form sends (contract section 6.1)."""
    return {
        "client_id": "frontend",
        "response_type": "code",
        "redirect_uri": APP,
        "scope": "user",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "username": getattr(user, "email", user),
        "password": PASSWORD,
    } | changes


def ask(user: User | str, **changes: Any) -> Any:
    """The answer of `/authorize` to the login form with these changes."""
    return send("/authorize", login_form(user, **changes))


def code_for(user: User | str, **changes: Any) -> str:
    answer = ask(user, **changes)
    assert answer.status_code == 200, answer.content
    return answer.json()[0]["code"]


def redemption(code: str, **changes: Any) -> dict[str, Any]:
    """What the app sends to `/token`."""
    return {
        "grant_type": "authorization_code",
        "client_id": "frontend",
        "code": code,
        "redirect_uri": APP,
        "code_verifier": VERIFIER,
    } | changes


def redeem(code: str, *, authorization: str | None = None, **changes: Any) -> Any:
    """The answer of `/token` to a code; `authorization` is the header of a confidential client."""
    headers = {"Authorization": authorization} if authorization else {}
    return send("/token", redemption(code, **changes), **headers)


def signed_in(user: User | str, **changes: Any) -> dict[str, Any]:
    """The tokens of a walk through both."""
    answer = redeem(code_for(user, **changes))
    assert answer.status_code == 200, answer.content
    return answer.json()


def refresh(refresh_token: str, **parameters: str) -> Any:
    return send("/token", {"grant_type": "refresh_token", "refresh_token": refresh_token} | parameters)


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 section 2.3.1."""
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


# --- What is logged ---------------------------------------------------------------------------------------------
def security_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of the channel `security`, oldest first, each with its `level`."""
    lines = [(cast(Any, record.msg), record.levelname) for record in caplog.records if record.name == "security"]
    return [{**line, "level": level} for line, level in lines]


def lines_of(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """The structured lines of this event, oldest first."""
    lines = [cast(Any, record.msg) for record in caplog.records]
    return [line for line in lines if isinstance(line, dict) and line["event"] == event]


# --- What is answered -------------------------------------------------------------------------------------------
def assert_refused(answer: Any, refusal: tuple[str, str], status: int = 400) -> None:
    """The whole answer: RFC 6749 section 5.2, not to be stored, no challenge (contract 6.3), and no cookie."""
    error, description = refusal
    assert (answer.status_code, answer.json()) == (status, {"error": error, "error_description": description})
    assert answer["Content-Type"] == "application/json"
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    assert "WWW-Authenticate" not in answer
    assert not answer.cookies
