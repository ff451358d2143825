"""Credentials are long and random, and are sent where they are not logged."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from uuid import UUID

import pytest
from django.conf import settings as site
from django.test import Client as Browser

from tests.support.api.client import ASSIGNMENTS, Api, sign_in
from tests.support.oauth.code_flow import code_for, register
from tests.support.sign_in.login import log_in
from users.models import User

pytestmark = pytest.mark.usefixtures("app")
#: ASVS 3.2.2 asks for 64; so much has a random uuid.
BITS = 122


def cookie(user: User) -> str:
    browser = Browser()
    log_in(user.email, client=browser)
    return browser.cookies[site.SESSION_COOKIE_NAME].value


def test_no_credential_can_be_guessed(olive: User) -> None:
    """Ten of each differ, and each has as many random characters as it takes."""
    numbers = iter(range(10))
    makers = {
        "cookie": (lambda: cookie(olive), 36),
        "authorization code": (lambda: code_for(olive), 62),
        "refresh token": (lambda: sign_in(olive.email)["refresh_token"].split(".")[2], 16),
        "client secret": (lambda: register(f"partner-{next(numbers)}").secret, 64),
    }
    for name, (make, alphabet) in makers.items():
        made = [make() for _ in range(10)]
        assert len(set(made)) == 10, name
        assert min(alphabet ** len(one) for one in made) >= 2**BITS, name
        for one, other in pairwise(made):  # nothing counted, nothing shared
            assert sum(a == b for a, b in zip(one, other, strict=False)) < len(one) / 2, name


def test_a_session_is_named_by_a_random_uuid(olive: User) -> None:
    claims = sign_in(olive.email)["access_token"].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert UUID(said["sid"]).version == 4


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "Authorization", "bearer"])
def test_no_token_is_read_from_an_address(as_olive: Api, name: str) -> None:
    """Addresses are kept by proxies, browsers and logs (RFC 9700 section 4.3.2)."""
    for value in (as_olive.token, f"Bearer {as_olive.token}"):
        assert Api().get(f"{ASSIGNMENTS}?{name}={value}").status_code == 401


def test_no_answer_gives_an_address_with_a_token_in_it(as_olive: Api, olive: User) -> None:
    """Not even the code, which the app's own page fetches: see contract section 2.2."""
    tokens = sign_in(olive.email)
    for path in (ASSIGNMENTS, "/users", "/.well-known/oauth-authorization-server"):
        answer = as_olive.get(path)
        assert str(as_olive.token) not in answer.content.decode()
        assert "Location" not in answer
    assert set(tokens) == {"token_type", "expires_in", "access_token", "refresh_token"}
