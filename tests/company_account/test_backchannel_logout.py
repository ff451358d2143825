"""OpenID Connect Back-Channel Logout 1.0: the provider ends sessions at the next request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tests.support.cases import each
from tests.support.company_account.forger import CLIENT_ID, OTHER_KEY, Forger, Walk
from tests.support.company_account.site import link, with_providers
from tests.support.sign_in.login import is_in, log_in
from users.models import AuditEvent, CompanySession, LogoutToken, User

Provide = Callable[..., Any]
PATH = "/oidc/backchannel-logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
NOW, DAY = int(time.time()), 86_400
WRONG_CLAIM = "a claim of its token is wrong or missing"


def logout_claims(forger: Forger, **changes: Any) -> dict[str, Any]:
    """Section 2.4; None leaves a claim out."""
    now = int(time.time())
    usual = {"iss": forger.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": str(uuid4())}
    claims = usual | {"events": {EVENT: {}}, "sub": "olive-1", "sid": "one"} | changes
    return {name: value for name, value in claims.items() if value is not None}


def send(token: str) -> Any:
    return Client().post(PATH, {"logout_token": token})


def walk_with(forger: Forger, sid: str) -> Client:
    """A browser that signs in during the provider's session of this name."""
    walk = Walk(forger)
    forger.forge = lambda claims: claims | {"sid": sid}
    assert walk.through().status_code == 302
    assert is_in(walk.browser)
    return walk.browser


@pytest.fixture
def browsers(provided: Provide, olive_there: User, forger: Forger) -> list[Client]:
    """The person in two sessions of the provider, and by password."""
    link(olive_there, provided(), "olive-1")
    return [walk_with(forger, "one"), walk_with(forger, "two"), log_in(olive_there.email).client]


def test_one_session_is_ended_by_its_sid(browsers: list[Client], forger: Forger) -> None:
    answer = send(forger.signed(logout_claims(forger), typ="logout+jwt"))
    assert (answer.status_code, answer.json()) == (200, {})
    assert "no-store" in answer["Cache-Control"]
    assert [is_in(one) for one in browsers] == [False, True, True]
    assert AuditEvent.objects.get(tag="company_logout").details == {"provider": "Forger", "sessions": 1}


def test_a_sid_alone_is_enough(browsers: list[Client], forger: Forger) -> None:
    assert send(forger.signed(logout_claims(forger, sub=None))).status_code == 200
    assert [is_in(one) for one in browsers] == [False, True, True]


def test_all_sessions_of_the_account_are_ended_by_its_sub(browsers: list[Client], forger: Forger) -> None:
    assert send(forger.signed(logout_claims(forger, sid=None))).status_code == 200
    assert [is_in(one) for one in browsers] == [False, False, True]


def test_the_pages_of_the_own_account_are_closed_too(browsers: list[Client], forger: Forger) -> None:
    send(forger.signed(logout_claims(forger)))
    assert browsers[0].get("/account/").status_code == 302


def test_who_is_not_here_is_signed_out_already(browsers: list[Client], forger: Forger) -> None:
    for changes in ({"sub": "nobody"}, {"sid": "three"}):
        assert send(forger.signed(logout_claims(forger, **changes))).status_code == 200
    assert [is_in(one) for one in browsers] == [True, True, True]


def test_a_token_is_taken_once(browsers: list[Client], forger: Forger) -> None:
    token = forger.signed(logout_claims(forger, sid=None))
    assert send(token).status_code == 200
    browser = walk_with(forger, "three")
    refused(send(token), {"reason": "the token was taken before"})
    assert is_in(browser)


#: What is wrong → the claims that differ, and the one that the event names.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another"}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "no time": ({"iat": None}, "iat"),
    "old": ({"iat": NOW - DAY}, "iat"),
    "of the future": ({"iat": NOW + DAY}, "iat"),
    "expired": ({"exp": NOW - DAY}, "exp"),
    "no name": ({"jti": None}, "jti"),
    "a name that is none": ({"jti": 7}, "jti"),
    "no event": ({"events": None}, "events"),
    "another event": ({"events": {"http://schemas.openid.net/event/other": {}}}, "events"),
    "an event that is none": ({"events": {EVENT: None}}, "events"),
    "events in a list": ({"events": [EVENT]}, "events"),
    "an ID token": ({"nonce": "a"}, "nonce"),
    "of nobody": ({"sub": None, "sid": None}, "sid"),
    "of several": ({"sub": ["olive-1"]}, "sub"),
    "of a session that is none": ({"sid": 1}, "sid"),
}


def refused(answer: Any, event: dict[str, str]) -> None:
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": event["reason"]},
    )
    assert AuditEvent.objects.get(tag="company_logout_refused").details == {"provider": "Forger"} | event


@each(("changes", "claim"), WRONG.values(), WRONG)
def test_a_wrong_token_ends_nothing(
    changes: dict[str, Any], claim: str, browsers: list[Client], forger: Forger
) -> None:
    refused(send(forger.signed(logout_claims(forger, **changes))), {"reason": WRONG_CLAIM, "claim": claim})
    assert (CompanySession.objects.count(), LogoutToken.objects.count()) == (2, 0)
    assert is_in(browsers[0])


def test_a_token_of_another_key_or_kind_ends_nothing(browsers: list[Client], forger: Forger) -> None:
    answer = send(forger.signed(logout_claims(forger), typ="at+jwt"))
    refused(answer, {"reason": WRONG_CLAIM, "claim": "typ"})
    AuditEvent.objects.all().delete()
    forger.key = OTHER_KEY
    refused(send(forger.signed(logout_claims(forger))), {"reason": "its token is not signed as it should be"})
    assert CompanySession.objects.count() == 2


@each("token", ["", "x", "a.b.c", "e30.e30.", "[]", "\x00"])
def test_what_is_no_token_calls_nobody(token: str, browsers: list[Client], forger: Forger) -> None:
    forger.calls.clear()
    refused(send(token), {"provider": "", "reason": "the token is of no provider in the settings"})
    assert forger.calls == []


def test_a_token_of_another_issuer_calls_nobody(browsers: list[Client], forger: Forger) -> None:
    forger.calls.clear()
    token = forger.signed(logout_claims(forger, iss="http://169.254.169.254/"))
    refused(send(token), {"provider": "", "reason": "the token is of no provider in the settings"})
    assert forger.calls == []


def test_one_provider_ends_no_session_of_another(
    browsers: list[Client], forger: Forger, settings: Any, olive: User
) -> None:
    other = forger.provider(name="other", issuer="https://other.example.test")
    with_providers(settings, forger.provider(), other)
    CompanySession.objects.create(account=link(olive, other, "olive-1"), sid="one")
    assert send(forger.signed(logout_claims(forger, sid=None))).status_code == 200
    assert CompanySession.objects.get().account.issuer == other.issuer


def test_it_is_a_post(browsers: list[Client]) -> None:
    assert Client().get(PATH).status_code == 405
