"""Signing in to the Back Office by an account at an identity provider (OpenID Connect Core section 3.1)."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.support.cases import each
from tests.support.company_account.forger import CLIENT_ID, KEY, OTHER_KEY, Forger, Walk
from tests.support.company_account.site import page_text, refusals
from tests.support.sign_in.login import is_in, log_in
from users.company_account import authentication, client
from users.models import AuditEvent, CompanySession, User

Provide = Callable[..., Any]
AGAIN = "If you ask for help, name this code: CODE Back to the login page"
NOT_COMPLETED = (
    "Back Office The sign-in was not completed The answer of Forger was not accepted, or came too late. "
    f"Begin again on the login page. {AGAIN}"
)
CANCELLED = (
    "Back Office The sign-in was cancelled Forger did not let you in, or you stopped there. Begin again on the login "
    f"page. {AGAIN}"
)
WRONG_CLAIM = "a claim of its token is wrong or missing"
WRONG_SIGNATURE = "its token is not signed as it should be"


def refused(answer: Any, status: int, text: str, reason: dict[str, str]) -> None:
    assert (answer.status_code, page_text(answer)) == (status, text)
    (event,) = refusals()
    assert event == {"provider": "Forger", "username": "", **reason}
    assert not is_in(answer.client)
    assert not CompanySession.objects.exists()
    AuditEvent.objects.all().delete()


# --- What works -------------------------------------------------------------------------------------------------
def test_who_is_linked_is_signed_in_and_led_on(linked: User, walk: Walk) -> None:
    answer = walk.through(next="/admin/users/user/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/users/user/")
    assert is_in(walk.browser)
    event = AuditEvent.objects.get(tag="successful_login")
    assert (event.username, event.details) == (linked.email, {"provider": "Forger"})


def test_what_is_asked_for_has_state_nonce_and_a_challenge(linked: User, walk: Walk) -> None:
    walk.begin()
    fixed = {name: walk.asked.pop(name) for name in ("response_type", "client_id", "redirect_uri", "scope")}
    assert fixed == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "https://bapi.example.test/admin/company-account/forger/callback/",
        "scope": "openid profile email",
    }
    assert walk.asked.pop("code_challenge_method") == "S256"
    assert {name: len(value) for name, value in walk.asked.items()} == {
        "state": 30, "nonce": 20, "code_challenge": 43
    }  # fmt: skip


def test_what_was_asked_is_kept_for_ten_minutes_and_a_sign_in_for_half_a_day(linked: User, walk: Walk) -> None:
    walk.begin()
    assert walk.browser.session.get_expiry_age() == 600
    walk.answer()
    assert 43_000 < walk.browser.session.get_expiry_age() <= 43_200


def test_the_button_is_on_the_login_page_of_the_back_office_only(provided: Provide, db: None) -> None:
    provided()
    pages = [
        Client().get(path).content.decode() for path in ("/admin/login/?next=/admin/users/user/", "/account/login/")
    ]
    assert ["Sign in with Forger" in page for page in pages] == [True, False]
    assert 'href="/admin/company-account/forger/?next=%2Fadmin%2Fusers%2Fuser%2F"' in pages[0]


def test_no_other_site_is_led_on_to(linked: User, walk: Walk) -> None:
    for next_page in ("https://evil.example.test/", "//evil.example.test/", "javascript:alert(1)"):
        assert walk.through(next=next_page)["Location"] == "/admin/"


def test_passwords_still_open_the_back_office(linked: User) -> None:
    browser = Client()
    log_in(linked.email, client=browser)
    assert is_in(browser)


def test_a_german_reads_german(provided: Provide, db: None) -> None:
    provided()
    german = Client(headers={"Accept-Language": "de"})
    assert "Mit Forger anmelden" in german.get("/admin/login/").content.decode()
    page = german.get("/admin/company-account/forger/callback/").content.decode()
    assert "Die Anmeldung wurde nicht abgeschlossen" in page
    assert "Wenn Sie um Hilfe bitten, nennen Sie diesen Code:" in page


def test_another_provider_and_another_method_are_not_there(provided: Provide, db: None) -> None:
    provided()
    assert Client().get("/admin/company-account/entra/").status_code == 404
    assert Client().post("/admin/company-account/forger/").status_code == 405


# --- The ID token (section 3.1.3.7) -----------------------------------------------------------------------------
#: What is wrong → the claims that differ, and the one that the event names. A day off is off on any machine.
DAY = 86_400
NOW = int(time.time())
WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another"}, "aud"),
    "another audience, for which we are authorized": ({"aud": "another", "azp": CLIENT_ID}, "aud"),
    "a further audience": ({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "another authorized party": ({"azp": "another"}, "azp"),
    "another issuer": ({"iss": "https://evil.example.test"}, "iss"),
    "another nonce": ({"nonce": "of-another-sign-in"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "expired": ({"exp": NOW - 61}, "exp"),
    "no end": ({"exp": None}, "exp"),
    "issued in the future": ({"iat": NOW + DAY}, "iat"),
    "not valid yet": ({"nbf": NOW + DAY}, "nbf"),
    "of another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    "no subject": ({"sub": None}, "sub"),
    "a subject that is none": ({"sub": ["olive-1"]}, "sub"),
    "a subject that is too long": ({"sub": "x" * 256}, "sub"),
}


def with_changes(changes: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {name: value for name, value in (claims | changes).items() if value is not None}


@each(("changes", "claim"), WRONG_CLAIMS.values(), WRONG_CLAIMS)
def test_a_wrong_claim_signs_nobody_in(
    changes: dict[str, Any],
    claim: str,
    linked: User,
    walk: Walk,
    forger: Forger,
    nothing_changes: Callable[[], Any],
) -> None:
    forger.forge = with_changes(changes)
    with nothing_changes():
        answer = walk.through()
    refused(answer, 400, NOT_COMPLETED, {"reason": WRONG_CLAIM, "claim": claim})


def test_clocks_may_differ_a_little(linked: User, walk: Walk, forger: Forger) -> None:
    forger.forge = lambda claims: claims | {"iat": claims["iat"] + 30, "nbf": claims["iat"] + 30}
    assert walk.through().status_code == 302


def parts_of(header: dict[str, Any], forger: Forger, nonce: str) -> str:
    claims = {"iss": forger.issuer, "aud": CLIENT_ID, "iat": NOW, "exp": NOW + DAY, "nonce": nonce, "sub": "olive-1"}
    return ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(forger: Forger, nonce: str) -> str:
    """RFC 7519 section 6."""
    return f"{parts_of({'alg': 'none'}, forger, nonce)}."


def by_hmac(forger: Forger, nonce: str) -> str:
    """With the published key as the secret (RFC 8725 section 2.1)."""
    signed = parts_of({"alg": "HS256", "kid": KEY.kid}, forger, nonce)
    return f"{signed}.{encoded(hmac.digest(KEY.as_pem(private=False), signed.encode(), 'sha256'))}"


def by_another_key(forger: Forger, nonce: str) -> str:
    forger.key = OTHER_KEY
    return Forger.id_token(forger, nonce)


def by_another_key_under_the_same_name(forger: Forger, nonce: str) -> str:
    forger.key, forger.header = OTHER_KEY, {"kid": KEY.kid}
    return Forger.id_token(forger, nonce)


@pytest.mark.parametrize("forge", [unsigned, by_hmac, by_another_key, by_another_key_under_the_same_name])
def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    forge: Callable[[Forger, str], str],
    linked: User,
    walk: Walk,
    forger: Forger,
    nothing_changes: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forger, "id_token", lambda nonce: forge(forger, nonce))
    with nothing_changes():
        answer = walk.through()
    refused(answer, 400, NOT_COMPLETED, {"reason": WRONG_SIGNATURE})


def test_a_new_key_is_fetched_once_and_not_for_each_unknown_one(linked: User, walk: Walk, forger: Forger) -> None:
    assert walk.through().status_code == 302
    forger.key, forger.published = OTHER_KEY, [KEY, OTHER_KEY]
    assert walk.through().status_code == 302
    assert forger.calls.count("/jwks") == 2
    forger.header = {"kid": "unknown"}
    assert [walk.through().status_code for _ in range(3)] == [400, 400, 400]
    assert forger.calls.count("/jwks") == 2


def test_what_a_provider_has_withdrawn_is_trusted_no_longer(
    linked: User, walk: Walk, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walk.through().status_code == 302
    forger.published = [OTHER_KEY]
    monkeypatch.setattr(client, "MAX_AGE_SECONDS", 0)
    assert walk.through().status_code == 400


# --- The answer in the browser ----------------------------------------------------------------------------------
NOT_ASKED = "nothing was asked for in this browser, or it was answered already"
MIXED_UP = "the answer names another issuer than the one that was asked"
DECLINED = "the provider or the person declined"
WRONG_ANSWERS: dict[str, tuple[dict[str, str | None], int, str, dict[str, str]]] = {
    "another state": ({"state": "guessed"}, 400, NOT_COMPLETED, {"reason": NOT_ASKED}),
    "no state": ({"state": None}, 400, NOT_COMPLETED, {"reason": NOT_ASKED}),
    "a code of another sign-in": (
        {"code": "of-another"},
        400,
        NOT_COMPLETED,
        {"reason": "it refused the code or the client", "error": "invalid_grant"},
    ),
    "an answer of another provider": (
        {"iss": "https://evil.example.test"}, 400, NOT_COMPLETED, {"reason": MIXED_UP}
    ),
    "an error of another provider": (
        {"iss": "https://evil.example.test", "error": "access_denied"}, 400, NOT_COMPLETED, {"reason": MIXED_UP}
    ),
    "declined": ({"error": "access_denied"}, 403, CANCELLED, {"reason": DECLINED, "error": "access_denied"}),
    "declined with words of somebody else": (
        {"error": "Call 555-0100!", "error_description": "<b>Call</b>"},
        403,
        CANCELLED,
        {"reason": DECLINED, "error": "unknown"},
    ),
}  # fmt: skip


@each(("changes", "status", "text", "reason"), WRONG_ANSWERS.values(), WRONG_ANSWERS)
def test_a_wrong_answer_signs_nobody_in(
    changes: dict[str, str | None],
    status: int,
    text: str,
    reason: dict[str, str],
    linked: User,
    walk: Walk,
    nothing_changes: Callable[[], Any],
) -> None:
    walk.begin()
    with nothing_changes():
        answer = walk.answer(**changes)
    refused(answer, status, text, reason)


def test_an_answer_works_once_and_in_the_browser_that_asked(linked: User, walk: Walk, forger: Forger) -> None:
    walk.begin()
    stolen = Walk(forger, asked=walk.asked).answer()
    refused(stolen, 400, NOT_COMPLETED, {"reason": NOT_ASKED})
    assert walk.answer().status_code == 302
    again = walk.answer()
    assert (again.status_code, page_text(again)) == (400, NOT_COMPLETED)


def test_an_answer_that_nobody_asked_for_calls_nobody(linked: User, walk: Walk, forger: Forger) -> None:
    walk.asked = {"state": "guessed"}
    refused(walk.answer(), 400, NOT_COMPLETED, {"reason": NOT_ASKED})
    assert forger.calls == []


def test_an_answer_that_comes_too_late_signs_nobody_in(
    linked: User, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.begin()
    monkeypatch.setattr(authentication, "MAX_SECONDS", -1)
    refused(walk.answer(), 400, NOT_COMPLETED, {"reason": "the answer came too late"})


def test_a_provider_that_names_itself_in_its_answers_must_do_so(linked: User, walk: Walk, forger: Forger) -> None:
    """RFC 9207 section 2.4."""
    forger.metadata = {"authorization_response_iss_parameter_supported": True}
    walk.begin()
    refused(walk.answer(iss=None), 400, NOT_COMPLETED, {"reason": MIXED_UP})


def test_userinfo_of_somebody_else_signs_nobody_in(linked: User, walk: Walk, forger: Forger) -> None:
    forger.userinfo = {"sub": "ada-1"}
    refused(walk.through(), 400, NOT_COMPLETED, {"reason": WRONG_CLAIM, "claim": "sub"})
