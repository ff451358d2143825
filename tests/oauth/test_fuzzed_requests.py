"""Thousands of odd bodies and headers at the routes of OAuth: every answer is documented, none is a 5xx."""

from __future__ import annotations

import random
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from django.test import Client as Browser

from tests.support.api.client import FORM
from tests.support.leaks import SECRET
from tests.support.oauth.code_flow import code_for, login_form, redemption, signed_in
from users.models import User

pytestmark = pytest.mark.thorough

TRIES = 600
PATHS = ("/authorize", "/token", "/revoke", "/introspect")
ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unsupported_grant_type",
}

#: Values that have broken parsers, databases, hashes or logs before.
NASTY: list[str] = [
    *("", " ", "0", "null", "true", "\n", "\r\nX: y", "\t", "é", "\U0001f600", "\u202e", "\ufeff", "\ufffd", "\x7f"),
    *("\0", "a\0b", "%00", "%s%n", "' OR 1=1; --", "../../etc/passwd", "<script>", "${jndi:x}", "{{7*7}}", "*", "+"),
    *("a" * 43, "a" * 128 + "\n", "a" * 256, "a" * 70_000, "é" * 128, "\u0130" * 255, "9" * 400, "-" * 43, "." * 43),
    *("session.", "warehouse." + "0" * 32, "session." + "0" * 32 + ".x.y", "a.b.c", "e30.e30.e30", "....", "true"),
]
WORDS = [
    *("password", "authorization_code", "refresh_token", "access_token", "code", "S256", "plain"),
    *("frontend", "partner", "user", "warehouse"),
]
#: What JSON may have where a text belongs.
ILL_TYPED: list[Any] = [None, True, 0, -1, 1e308, 2**63, [], {}, [""], {"a": {}}, [[[]]]]
HEADERS = [
    *("", "Basic", "Basic ", "Basic  x", "basic\tx", "Basic =", "Basic ====", "Basic !!!!", "Basic é", "BasicOg=="),
    *("Bearer", "Bearer x", "Digest x", "Negotiate", "Basic Og==", "Basic Og== x", "Basic " + "A" * 8_001, "\xff\xfe"),
]


def _pairs(chance: random.Random) -> str:
    """The header of a client whose name and secret are odd."""
    name, secret = (chance.choice(NASTY) for _ in range(2))
    text = f"{quote(name)}:{quote(secret)}" if chance.random() < 0.5 else f"{name}:{secret}"
    data = text.encode() if chance.random() < 0.9 else chance.randbytes(20)
    return "Basic " + b64encode(data).decode()[:8_000]


def _mutated(chance: random.Random, good: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a good request with up to three changed, added, renamed or left out."""
    changed = dict(good)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([*changed, "scope", "state", "client_secret", "token_type_hint", "everywhere"])
        match chance.randrange(4):
            case 0:
                changed.pop(name, None)
            case 1:
                changed[chance.choice([name.upper(), name.title().replace("_", ""), name + "[]"])] = "x"
            case _:
                changed[name] = _value(chance, name)
    return changed


def _value(chance: random.Random, name: str) -> str:
    """A hostile value. A secret gets no text that log lines contain anyway: `tests.support.leaks` would report it."""
    if not SECRET.fullmatch(name):
        return chance.choice([*NASTY, *WORDS])
    nasty = chance.choice(NASTY)
    return nasty if len(nasty) < 8 else f"z{nasty}"


def _body(chance: random.Random, parameters: dict[str, Any]) -> bytes:
    match chance.randrange(5):
        case 0:
            return orjson.dumps(parameters | {chance.choice([*parameters, "x"]): chance.choice(ILL_TYPED)})
        case 1:
            return orjson.dumps({"data": {"attributes": parameters}})
        case 2:
            body = bytearray(urlencode(parameters).encode() or b"x")
            for _ in range(chance.randint(1, 5)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            return bytes(body)
        case _:
            return urlencode(parameters).encode()


@pytest.mark.parametrize("path", PATHS)
def test_no_odd_request_breaks_a_route_of_oauth(path: str, app: str, pat: User, partner: Any) -> None:
    chance = random.Random(path)
    browser = Browser(raise_request_exception=False)
    tokens = signed_in(pat)
    goods: list[dict[str, Any]] = [
        login_form(pat, password="wrong-Horse-7!"),
        redemption(code_for(pat)),
        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        {"token": tokens["access_token"], "client_id": "partner", "client_secret": partner.secret},
        {"token": tokens["refresh_token"]},
    ]
    for _ in range(TRIES):
        body = _body(chance, _mutated(chance, chance.choice(goods)))
        headers = {"Authorization": chance.choice([*HEADERS, _pairs(chance)])} if chance.random() < 0.3 else {}
        answer = browser.generic(
            "POST", path, body, content_type=chance.choice([FORM, "application/json", ""]), headers=headers
        )
        assert answer.status_code in (200, 400, 401, 429), (body[:500], headers)
        if answer.status_code != 200:
            told = answer.json()
            assert set(told) == {"error", "error_description"}
            assert told["error"] in ERRORS
