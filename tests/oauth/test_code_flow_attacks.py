"""Attacks on the code flow and on sign-in: each gets its whole answer, and nothing changes (RFC 9700, RFC 7636)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.http import HttpResponse
from django.test import Client as Browser

from tests.support.api.client import ASSIGNMENTS, FORM, PASSWORD, UNAUTHORIZED, refusal
from tests.support.cases import each
from tests.support.oauth.code_flow import (
    APP,
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_GRANT,
    MALFORMED,
    PARTNER,
    VERIFIER,
    ask,
    assert_refused,
    challenge_of,
    code_for,
    login_form,
    redeem,
    register,
    send,
)
from users.models import User
from users.sign_in.account_recovery import unlock_sign_in

Watch = Callable[[], Any]
pytestmark = pytest.mark.usefixtures("app")


# --- A stolen code ----------------------------------------------------------------------------------------------
def test_a_code_is_good_at_its_own_client_only(pat: User, nothing_changes: Watch) -> None:
    register("thief", is_confidential=False)
    code = code_for(pat)
    with nothing_changes():
        assert_refused(redeem(code, client_id="thief"), MALFORMED)
        assert_refused(redeem(code, client_id="thief", redirect_uri=PARTNER), MALFORMED)
        assert_refused(redeem(code, client_id="nobody"), BAD_CLIENT)


@pytest.mark.parametrize("address", [None, "", PARTNER, APP + "/", APP + "?", APP.upper(), "/oauth/cb/spryker"])
def test_a_code_is_good_with_its_own_address_only(
    pat: User, settings: Any, nothing_changes: Watch, address: str | None
) -> None:
    settings.DEFAULT_CLIENT_REDIRECT_URIS = [APP, PARTNER]
    code = code_for(pat)
    with nothing_changes():
        assert_refused(redeem(code, redirect_uri=address), MALFORMED)


@each("code", [None, "", "x", "a" * 48, "a" * 500_000, "é", "' OR 1=1; --", " "])
def test_a_guessed_code_is_good_for_nothing(pat: User, nothing_changes: Watch, code: str) -> None:
    code_for(pat)
    with nothing_changes():
        assert_refused(redeem(code), MALFORMED)


# --- PKCE -------------------------------------------------------------------------------------------------------
BAD_VERIFIERS: dict[str, tuple[str | None, tuple[str, str]]] = {
    "missing": (None, MALFORMED),
    "empty": ("", MALFORMED),
    "short": (VERIFIER[:42], MALFORMED),
    "long": ("a" * 129, MALFORMED),
    "not ASCII": (VERIFIER[:-1] + "é", MALFORMED),
    "digits of another script": ("\u0661" * 43, MALFORMED),
    "with a space": (VERIFIER + " ", MALFORMED),
    "with a line feed": (VERIFIER + "\n", MALFORMED),
    "with NUL": (VERIFIER + "\0", MALFORMED),
    "another": ("b" * 43, BAD_GRANT),
    "in another case": (VERIFIER.upper(), BAD_GRANT),
    "the beginning": (VERIFIER[:43], BAD_GRANT),
    "the challenge itself": (challenge_of(VERIFIER), BAD_GRANT),
}


@each(("verifier", "expected"), BAD_VERIFIERS.values(), ids=BAD_VERIFIERS.keys())
def test_a_code_is_good_with_its_own_verifier_only(
    pat: User, nothing_changes: Watch, verifier: str | None, expected: tuple[str, str]
) -> None:
    code = code_for(pat)
    with nothing_changes():
        assert_refused(redeem(code, code_verifier=verifier), expected)


BAD_CHALLENGES: dict[str, dict[str, Any]] = {
    "none": {"code_challenge": None},
    "neither": {"code_challenge": None, "code_challenge_method": None},
    "empty": {"code_challenge": ""},
    "plain": {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    "no method, which would mean plain": {"code_challenge": VERIFIER, "code_challenge_method": None},
    "empty method": {"code_challenge_method": ""},
    "method in small letters": {"code_challenge_method": "s256"},
    "method with a space": {"code_challenge_method": "S256 "},
    "both methods": {"code_challenge_method": "S256 plain"},
    "unknown method": {"code_challenge_method": "S512"},
    "no method at all": {"code_challenge_method": "none"},
    "short": {"code_challenge": "a" * 42},
    "long": {"code_challenge": "a" * 129},
    "padded": {"code_challenge": challenge_of(VERIFIER) + "="},
    "standard base64": {"code_challenge": "+/" * 22},
    "not ASCII": {"code_challenge": "é" * 43},
    "with a line feed": {"code_challenge": challenge_of(VERIFIER) + "\n"},
    "as long as can be, with a line feed": {"code_challenge": "a" * 128 + "\n"},
    "with NUL": {"code_challenge": challenge_of(VERIFIER) + "\0"},
}


@each("changes", BAD_CHALLENGES.values(), ids=BAD_CHALLENGES.keys())
def test_no_code_without_a_sound_s256_challenge(pat: User, nothing_changes: Watch, changes: dict[str, Any]) -> None:
    with nothing_changes():
        assert_refused(ask(pat, **changes), MALFORMED)


def test_a_challenge_is_never_taken_back(pat: User, nothing_changes: Watch) -> None:
    code = code_for(pat)
    downgrades: list[dict[str, Any]] = [
        {"code_verifier": None, "code_challenge_method": "plain"},
        {"code_verifier": challenge_of(VERIFIER), "code_challenge_method": "plain"},
        {"code_verifier": "b" * 43, "code_challenge": challenge_of("b" * 43)},
    ]
    with nothing_changes():
        for downgrade in downgrades:
            assert redeem(code, **downgrade).status_code == 400
    assert redeem(code).status_code == 200


@each("name", sorted(login_form("x")))
def test_no_parameter_of_the_login_form_may_be_repeated(pat: User, nothing_changes: Watch, name: str) -> None:
    form = login_form(pat)
    twice = "&".join(f"{key}={value}" for key, value in [*form.items(), (name, form[name])])
    with nothing_changes():
        assert_refused(Browser().post("/authorize", twice, content_type=FORM), MALFORMED)
        for value in ([form[name]], {"0": form[name]}, 1, True):
            listed = json.dumps(form | {name: value})
            assert_refused(Browser().post("/authorize", listed, content_type=FORM), MALFORMED)


@pytest.mark.parametrize("kind", ["token", "code token", "CODE", "\t", "é", '"', "\\", "x" * 100_000])
def test_no_other_response_type_gets_a_code(pat: User, nothing_changes: Watch, kind: str) -> None:
    with nothing_changes():
        assert_refused(ask(pat, response_type=kind), MALFORMED)


# --- Open redirect ----------------------------------------------------------------------------------------------
HOST = "app.example.test"
PATH = "/oauth/cb/spryker"
BAD_ADDRESSES = {
    "a prefix": f"https://{HOST}/oauth/cb/spryke",
    "the origin": f"https://{HOST}",
    "a suffix": f"{APP}2",
    "a subfolder": f"{APP}/x",
    "a slash at its end": f"{APP}/",
    "host as a prefix": f"https://{HOST}.evil.example.test{PATH}",
    "host as a suffix": f"https://evil{HOST}{PATH}",
    "a subdomain": f"https://evil.{HOST}{PATH}",
    "a dot after the host": f"https://{HOST}.{PATH}",
    "user information": f"https://{HOST}@evil.example.test{PATH}",
    "user information of ours": f"https://evil.example.test@{HOST}{PATH}",
    "an empty user": f"https://@{HOST}{PATH}",
    "a fragment": f"{APP}#x",
    "an empty fragment": f"{APP}#",
    "after a fragment": f"https://evil.example.test/#{APP}",
    "a query": f"{APP}?x=1",
    "an empty query": f"{APP}?",
    "in a query": f"https://evil.example.test/?{APP}",
    "a parameter of the path": f"{APP};x",
    "host in capitals": f"https://{HOST.upper()}{PATH}",
    "scheme in capitals": f"HTTPS://{HOST}{PATH}",
    "path in capitals": f"https://{HOST}{PATH.upper()}",
    "two slashes": f"https://{HOST}/{PATH}",
    "without scheme": f"//{HOST}{PATH}",
    "without host": PATH,
    "three slashes": f"https:///{HOST}{PATH}",
    "a backslash": f"https://{HOST}\\{PATH}",
    "backslashes for slashes": f"https:\\\\{HOST}{PATH}",
    "a backslash before an at": f"https://evil.example.test\\@{HOST}{PATH}",
    "the port named": f"https://{HOST}:443{PATH}",
    "another port": f"https://{HOST}:8443{PATH}",
    "plain http": f"http://{HOST}{PATH}",
    "javascript": f"javascript:alert(1)//{HOST}{PATH}",
    "data": "data:text/html,x",
    "a file": f"file:///{HOST}{PATH}",
    "percent-encoded": f"https://{HOST}/oauth/cb/%73pryker",
    "percent-encoded slash": f"https://{HOST}/oauth%2Fcb/spryker",
    "percent-encoded twice": f"https%3A%2F%2F{HOST}{PATH}",
    "up and down": f"https://{HOST}/oauth/x/../cb/spryker",
    "a dot": f"https://{HOST}/oauth/./cb/spryker",
    "a space before": f" {APP}",
    "a space after": f"{APP} ",
    "a tab inside": f"https://{HOST}\t{PATH}",
    "a line feed after": f"{APP}\n",
    "a line feed inside": f"{APP}\nhttps://evil.example.test/",
    "carriage return and header": f"{APP}\r\nLocation: https://evil.example.test/",
    "an unseen character": f"{APP}\u200b",
    "a letter that looks alike": f"https://\u0430pp.example.test{PATH}",
    "wide letters": f"https://{HOST}/\uff4fauth/cb/spryker",
    "a list": f"{APP} {APP}",
    "a list with comma": f"{APP},https://evil.example.test/",
    "a wildcard": f"https://*.example.test{PATH}",
    "very long": APP + "/" + "x" * 500_000,
    "another client's": PARTNER,
}


@each("address", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES.keys())
def test_a_code_goes_to_no_address_but_the_registered(
    pat: User,
    partner: Any,
    nothing_changes: Watch,
    address: str,
) -> None:
    code = code_for(pat)
    with nothing_changes():
        answer = ask(pat, redirect_uri=address)
        assert_refused(answer, BAD_CLIENT)
        assert "Location" not in answer
        assert_refused(redeem(code, redirect_uri=address), MALFORMED)


def test_an_address_with_nul_is_no_address(pat: User, nothing_changes: Watch) -> None:
    with nothing_changes():
        assert_refused(ask(pat, redirect_uri=f"{APP}\0"), MALFORMED)


# --- Cookies and forged forms -----------------------------------------------------------------------------------
def test_the_back_office_takes_no_login_form_of_another_site(olive: User, nothing_changes: Watch) -> None:
    browser = Browser(enforce_csrf_checks=True)
    form = {"username": olive.email, "password": PASSWORD, "next": "/admin/"}
    with nothing_changes():
        answer = browser.post("/admin/login/", form, headers={"Origin": "https://evil.example.test"})
    assert answer.status_code == 403
    assert "sessionid" not in answer.cookies


def test_a_back_office_cookie_is_worth_nothing_at_the_api(olive: User, nothing_changes: Watch) -> None:
    browser = Browser()
    browser.force_login(olive)
    without = {name: value for name, value in login_form("x").items() if name not in ("username", "password")}
    with nothing_changes():
        answer: Any = browser.get(ASSIGNMENTS)
        assert refusal(answer) == [UNAUTHORIZED]
        assert browser.post("/warehouse-tokens").status_code == 401
        assert_refused(browser.post("/authorize", json.dumps(without), content_type=FORM), MALFORMED)
        assert_refused(browser.post("/authorize", json.dumps(login_form(olive, password="x")), FORM), BAD_CREDENTIALS)


def test_signing_in_at_the_api_touches_no_cookie(olive: User, pat: User) -> None:
    browser = Browser()
    browser.force_login(olive)
    before = browser.cookies["sessionid"].value
    answer = browser.post("/authorize", json.dumps(login_form(pat)), content_type=FORM)
    assert (answer.status_code, len(answer.cookies)) == (200, 0)
    assert browser.get("/admin/").wsgi_request.user == olive
    assert browser.cookies["sessionid"].value == before


# --- Who exists -------------------------------------------------------------------------------------------------
def test_nobody_learns_who_exists(make_user: Callable[..., User], nothing_changes: Watch) -> None:
    make_user("wrong.password@example.test")
    make_user("warehouse.user@example.test", is_warehouse_user=True)
    make_user("is.blocked@example.test", status=User.Status.BLOCKED)
    make_user("is.deleted@example.test", status=User.Status.DELETED)
    make_user("never.invited@example.test", password=make_password(None))
    tries = {
        "nobody@example.test": PASSWORD,
        "' OR 1=1; --": PASSWORD,
        "wrong.password@example.test": "wrong-Horse-7!",
        "warehouse.user@example.test": "wrong-Horse-7!",
        "is.blocked@example.test": PASSWORD,
        "is.deleted@example.test": PASSWORD,
        "never.invited@example.test": PASSWORD,
    }
    for path in ("/authorize", "/token"):
        with nothing_changes():
            answers = [_try(path, name, password) for name, password in tries.items()]
        assert_refused(answers[0], BAD_CREDENTIALS)
        assert len({_wire(answer) for answer in answers}) == 1


def test_nobody_learns_who_exists_from_being_throttled(pat: User) -> None:
    for path in ("/authorize", "/token"):
        for name in (f"nobody{path[1:]}@example.test", pat.email):
            counted = [_try(path, name, "wrong-Horse-7!").status_code for _ in range(10)]
            assert counted == [400] * 9 + [429]
        unlock_sign_in(pat)


def _try(path: str, username: str, password: str) -> HttpResponse:
    return send(path, login_form(username, password=password) | {"grant_type": "password"})


def _wire(answer: HttpResponse) -> tuple[Any, ...]:
    return answer.status_code, answer.content, tuple(sorted(answer.items()))
