"""Signing out at the provider too, and signing in anew for pages that matter most."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from tests.support.company_account.forger import CLIENT_ID, Forger, Walk
from tests.support.company_account.site import link, page_text, refusals
from tests.support.sign_in.login import is_in, log_in
from users.company_account import confirmation
from users.models import CompanyAccount, User

Provide = Callable[..., Any]
ROLE = "/admin/auth/group/add/"


@pytest.fixture
def inside(provided: Provide, ada: User, forger: Forger) -> Walk:
    """The superuser, by company account."""
    link(ada, provided(), "ada-1")
    forger.claims = {"sub": "ada-1"}
    walk = Walk(forger)
    assert walk.through().status_code == 302
    return walk


# --- Signing out ------------------------------------------------------------------------------------------------
def test_after_the_sign_out_the_providers_own_session_can_be_ended(inside: Walk, forger: Forger) -> None:
    page = inside.browser.post("/admin/logout/").content.decode()
    assert "At Forger you are still signed in." in page
    assert "/admin/company-account/forger/sign-out/" in page
    answer = inside.browser.get("/admin/company-account/forger/sign-out/")
    url = urlsplit(answer["Location"])
    query = parse_qs(url.query)
    assert (answer.status_code, f"{url.scheme}://{url.netloc}{url.path}") == (302, f"{forger.issuer}/logout")
    assert (query["client_id"], query["post_logout_redirect_uri"]) == (
        [CLIENT_ID], ["https://bapi.example.test/admin/login/"]
    )  # fmt: skip
    assert query["id_token_hint"][0].count(".") == 2
    assert inside.browser.get("/admin/company-account/forger/sign-out/")["Location"] == "/admin/login/"  # once


def test_a_page_of_another_host_is_not_led_to(provided: Provide, ada: User, walk: Walk, forger: Forger) -> None:
    forger.claims, forger.metadata = {"sub": "ada-1"}, {"end_session_endpoint": "https://evil.example.test/logout"}
    link(ada, provided(), "ada-1")
    walk.through()
    walk.browser.post("/admin/logout/")
    assert walk.browser.get("/admin/company-account/forger/sign-out/")["Location"] == "/admin/login/"


def test_after_a_sign_in_by_password_nothing_is_offered(inside: Walk, ada: User) -> None:
    page = log_in(ada.email).client.post("/admin/logout/").content.decode()
    assert "still signed in" not in page
    assert Client().get("/admin/company-account/forger/sign-out/")["Location"] == "/admin/login/"


# --- Signing in anew --------------------------------------------------------------------------------------------
@pytest.fixture
def long_ago(inside: Walk, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """The last sign-in is too old, and so is each that says nothing of when the person was asked."""
    monkeypatch.setattr(confirmation, "FRESH_SECONDS", 0)
    return inside


#: Pages for which a sign-in long ago is not enough.
GUARDED = (
    ROLE,
    "/admin/auth/group/1/change/",
    "/admin/auth/group/1/delete/",
    "/admin/users/client/add/",
    "/admin/users/client/1/change/",
    "/admin/users/client/1/delete/",
    "/admin/users/client/1/secret/",
    "/admin/history/undo/",
    "/admin/history/undo/00000000-0000-0000-0000-000000000000/",
)


def test_a_page_that_matters_leads_to_the_provider(long_ago: Walk) -> None:
    for path in GUARDED:
        answer = long_ago.browser.get(path)
        assert (answer.status_code, urlsplit(answer["Location"]).path) == (302, "/admin/company-account/forger/"), path
        assert parse_qs(urlsplit(answer["Location"]).query) == {"again": ["1"], "next": [path]}
    for path in ("/admin/", "/admin/auth/group/", "/admin/users/user/", "/admin/history/"):
        assert long_ago.browser.get(path).status_code == 200


def test_what_a_form_has_sent_is_not_done(long_ago: Walk, nothing_changes: Callable[[], Any]) -> None:
    groups = Group.objects.count()
    with nothing_changes():
        answer = long_ago.browser.post(ROLE, {"name": "Night shift"}, headers={"Referer": f"http://testserver{ROLE}"})
    page = answer.content.decode()
    assert (answer.status_code, Group.objects.count()) == (403, groups)
    assert "Confirm that it is you" in page
    assert f"/admin/company-account/forger/?again=1&amp;next={ROLE.replace('/', '%2F')}" in page


def test_a_fresh_sign_in_and_one_by_password_are_enough(inside: Walk, ada: User) -> None:
    assert inside.browser.get(ROLE).status_code == 200
    assert log_in(ada.email).client.get(ROLE).status_code == 200


def test_who_confirms_goes_on(inside: Walk, forger: Forger) -> None:
    inside.begin(again="1", next=ROLE)
    assert (inside.asked["prompt"], inside.asked["max_age"]) == ("login", "0")
    forger.claims["auth_time"] = int(time.time())
    answer = inside.answer()
    assert (answer.status_code, answer["Location"]) == (302, ROLE)
    assert inside.browser.get(ROLE).status_code == 200


@pytest.mark.parametrize("at", [None, 1, "now", True])
def test_a_provider_that_did_not_ask_anew_confirms_nothing(at: Any, inside: Walk, forger: Forger) -> None:
    inside.begin(again="1", next=ROLE)
    forger.claims["auth_time"] = at
    answer = inside.answer()
    assert answer.status_code in (400, 403)
    assert is_in(inside.browser)
    assert len(refusals()) == 1


def test_somebody_else_confirms_nothing(
    inside: Walk, forger: Forger, olive: User, nothing_changes: Callable[[], Any]
) -> None:
    inside.begin(again="1", next=ROLE)
    forger.claims = {"sub": "olive-1", "auth_time": int(time.time())}
    with nothing_changes():
        answer = inside.answer()
    assert (answer.status_code, page_text(answer)) == (
        403,
        "Back Office It was not confirmed that it is you Confirm it with the company account with which you are signed "
        "in here. If you ask for help, name this code: CODE Confirm it again Back to the dashboard",
    )
    assert (
        f'href="/admin/company-account/forger/?again=1&amp;next={ROLE.replace("/", "%2F")}"' in answer.content.decode()
    )
    assert refusals()[0]["reason"] == "somebody else confirmed than who is signed in"
    assert CompanyAccount.objects.count() == 1
