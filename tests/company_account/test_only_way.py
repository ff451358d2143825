"""A company account as the only way into the Back Office, and the one administrator who always gets in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from operator import or_
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.test import Client
from django.utils import timezone

from tests.support.api.client import sign_in
from tests.support.back_office.staff import change, member, signed_in, told
from tests.support.cases import each
from tests.support.company_account.forger import Forger, Walk
from tests.support.company_account.site import link
from tests.support.sign_in.login import is_in, log_in, text
from tests.support.sign_in.two_factor import (
    NOT_RIGHT,
    SECOND_STEP,
    app_of,
    calm,
    code_of,
    enrol,
    wrong_code_of,
)
from users.company_account import checks  # noqa: F401 (registers the check, as with a provider)
from users.models import AuditEvent, CompanyAccount, CompanySession, User

Provide = Callable[..., Any]


@pytest.fixture
def only_way(settings: Any, provided: Provide, olive_there: User, ada: User) -> Any:
    """For everybody but Ada."""
    settings.COMPANY_ACCOUNT_ONLY, settings.BREAK_GLASS_EMAIL = True, "Ada.Admin@example.test"
    provider = provided()
    link(olive_there, provider, "olive-1")
    return provider


def test_the_right_password_is_answered_like_a_wrong_one(only_way: Any, olive: User) -> None:
    right, wrong = log_in(olive.email), log_in(olive.email, "wrong-Horse-7!")
    assert (right.status_code, text(right)) == (wrong.status_code, text(wrong))
    assert not is_in(right.client)
    assert [event.tag for event in AuditEvent.objects.all()] == ["failed_login", "failed_login"]


def test_the_company_account_opens_it(only_way: Any, walk: Walk) -> None:
    assert walk.through().status_code == 302
    assert is_in(walk.browser)


def test_the_one_administrator_gets_in_by_password_and_that_is_an_event(only_way: Any, ada: User) -> None:
    answer = log_in(ada.email)
    assert is_in(answer.client)
    event = AuditEvent.objects.get(tag="break_glass_sign_in")
    assert (event.level, event.username, event.details) == ("warning", ada.email, {})


#: Why the password of Ada would not help → what differs about her.
OF_NO_HELP: dict[str, dict[str, Any]] = {
    "nobody": {"email": "another@example.test"},
    "no administrator": {"is_superuser": False},
    "confined": {"is_superuser": False, "is_confined": True},
    "a warehouse user": {"is_warehouse_user": True, "is_superuser": False},
    "deactivated": {"status": "blocked"},
    "leaves": {"employed_until": timezone.now() + timedelta(days=9)},
    "without a password": {"password": "!"},
}


@each("state", OF_NO_HELP.values(), OF_NO_HELP)
def test_the_site_warns_if_the_one_administrator_is_of_no_help(state: dict[str, Any], only_way: Any, ada: User) -> None:
    """As `manage.py serve` asks."""
    assert run_checks(tags=[Tags.database], databases=["default"]) == []
    User.objects.filter(pk=ada.pk).update(**state)
    (found,) = run_checks(tags=[Tags.database], databases=["default"])
    assert (found.id, found.msg) == (
        "users.W001",
        "BREAK_GLASS_EMAIL: Ada.Admin@example.test is no active administrator with a password and without an end of "
        "employment. While a provider is down, nobody may be able to sign in to the Back Office. Make them one, or "
        "name somebody else.",
    )


def test_without_the_setting_there_is_no_warning(provided: Provide, db: None) -> None:
    provided()
    assert run_checks(tags=[Tags.database], databases=["default"]) == []


def test_a_session_that_a_password_has_started_before_is_over(settings: Any, provided: Provide, olive: User) -> None:
    provided()
    browser = log_in(olive.email).client
    assert is_in(browser)
    settings.COMPANY_ACCOUNT_ONLY, settings.BREAK_GLASS_EMAIL = True, "ada.admin@example.test"
    assert not is_in(browser)


def test_the_own_account_and_the_app_are_open_by_password_and_lead_to_nothing_else(
    only_way: Any, olive: User, walk: Walk
) -> None:
    browser = Client()
    browser.post("/account/login/", {"username": olive.email, "password": "correct-Horse-7!"})
    assert browser.get("/account/").status_code == 200
    assert not is_in(browser)
    page = browser.get("/admin/login/").content.decode()
    assert "Sign in with Forger" in page
    assert sign_in(olive.email)["access_token"]


def test_it_can_be_so_for_one_person(settings: Any, provided: Provide, ada: User, olive_there: User) -> None:
    settings.BREAK_GLASS_EMAIL = ada.email
    provided()
    browser = log_in(olive_there.email).client
    assert is_in(browser)
    as_ada = signed_in(ada)
    form = as_ada.get(f"/admin/users/user/{olive_there.pk}/change/").content.decode()
    assert "Company account only" in form
    assert change(as_ada, olive_there, company_account_only="on").status_code == 302
    assert [is_in(browser), is_in(log_in(olive_there.email).client), is_in(as_ada)] == [False, False, True]
    page = as_ada.get(f"/admin/users/user/{olive_there.pk}/view/").content.decode()
    assert "opens the app, not the Back Office" in page
    why = as_ada.get(f"/admin/users/user/why/?person={olive_there.pk}").content.decode()
    assert "The Back Office is open to them by company account only." in why


def test_nobody_opens_it_to_their_own_password_again(
    settings: Any, provided: Provide, ada: User, manager: User, walk: Walk, forger: Forger
) -> None:
    settings.BREAK_GLASS_EMAIL = ada.email
    link(manager, provided(), "mona-1")
    User.objects.filter(pk=manager.pk).update(company_account_only=True)
    forger.claims = {"sub": "mona-1"}
    walk.through()
    assert change(walk.browser, manager, company_account_only=None).status_code == 302
    manager.refresh_from_db()
    assert manager.company_account_only


def test_without_the_one_administrator_nobody_can_be_shut_out(provided: Provide, as_ada: Client, olive: User) -> None:
    provided()
    assert "Company account only" not in as_ada.get(f"/admin/users/user/{olive.pk}/change/").content.decode()
    assert change(as_ada, member(olive, "Auditor"), company_account_only="on").status_code == 302
    olive.refresh_from_db()
    assert not olive.company_account_only


def test_a_provider_may_be_the_only_way_for_whoever_uses_it(
    settings: Any, provided: Provide, olive_there: User, ada: User, walk: Walk
) -> None:
    settings.BREAK_GLASS_EMAIL = ada.email
    link(olive_there, provided(is_only_way=True), "olive-1")
    assert is_in(log_in(olive_there.email).client)
    assert walk.through().status_code == 302
    assert [is_in(log_in(olive_there.email).client), is_in(walk.browser)] == [False, True]


def test_without_a_provider_it_means_nothing(olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(company_account_only=True)
    assert is_in(log_in(olive.email).client)


# --- The page of a person -----------------------------------------------------------------------------------------
def test_an_administrator_unlinks_and_that_ends_the_sessions(
    provided: Provide, olive_there: User, as_ada: Client, as_manager: Client, walk: Walk
) -> None:
    link(olive_there, provided(roles={"wh": frozenset({"Auditor"})}), "olive-1")
    walk.forger.claims["groups"] = ["wh"]
    walk.through()
    page = as_ada.get(f"/admin/users/user/{olive_there.pk}/view/").content.decode()
    assert "Auditor (from Forger)" in page
    form = as_ada.get(f"/admin/users/user/{olive_there.pk}/change/").content.decode()
    assert "Forger gives and takes at each sign-in: Auditor." in form
    path = f"/admin/users/user/{olive_there.pk}/unlink-company-account/"
    assert [as_manager.post(path).status_code, as_ada.get(path).status_code] == [403, 405]
    assert CompanyAccount.objects.count() == 1
    assert is_in(walk.browser)
    assert told(as_ada.post(path)) == ["The company account is unlinked. Its sessions here have ended."]
    assert (CompanyAccount.objects.count(), is_in(walk.browser)) == (0, False)
    assert told(as_ada.post(path)) == ["There was nothing to unlink."]
    assert AuditEvent.objects.filter(tag="company_account_unlinked").count() == 1


def test_who_has_a_second_factor_here_is_asked_for_the_code(
    provided: Provide, olive_there: User, walk: Walk, forger: Forger
) -> None:
    link(olive_there, provided(second_factors=frozenset({"mfa"})), "olive-1")
    enrol(signed_in(olive_there))
    calm(olive_there)
    olive_there.refresh_from_db()
    assert walk.through(next="/admin/users/user/")["Location"] == SECOND_STEP
    assert not is_in(walk.browser)
    refused = walk.browser.post(SECOND_STEP, {"code": wrong_code_of(app_of(olive_there))})
    assert NOT_RIGHT in refused.content.decode()
    assert not is_in(walk.browser)
    calm(olive_there)
    answer = walk.browser.post(SECOND_STEP, {"code": code_of(app_of(olive_there))})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/users/user/")
    assert is_in(walk.browser)
    CompanySession.objects.all().delete()  # as the provider's logout does
    assert not is_in(walk.browser)
    forger.claims["amr"] = ["mfa"]
    other = Walk(forger)
    assert other.through(next="/admin/users/user/")["Location"] == "/admin/users/user/"
    assert is_in(other.browser)


def test_two_factor_sign_in_is_asked_for_unless_the_providers_counts(
    provided: Provide, olive_there: User, walk: Walk, forger: Forger, settings: Any
) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    provider = provided(second_factors=frozenset({"mfa"}))
    link(olive_there, provider, "olive-1")
    without: list[dict[str, Any]] = [{}, {"amr": ["pwd"]}, {"amr": "mfa"}, {"acr": ["mfa"]}, {"amr": [["mfa"]]}]
    for claims in without:
        walk = Walk(forger)
        forger.forge = partial(or_, claims)
        walk.through()
        assert not is_in(walk.browser), claims
    forger.userinfo = {"amr": ["mfa"], "acr": "mfa"}  # which says nothing of this sign-in
    forger.forge = lambda usual: usual
    walk = Walk(forger)
    walk.through()
    assert not is_in(walk.browser)
    forger.userinfo = {}
    enough: list[dict[str, Any]] = [{"amr": ["pwd", "mfa"]}, {"acr": "mfa"}]
    for claims in enough:
        walk = Walk(forger)
        forger.forge = partial(or_, claims)
        walk.through()
        assert is_in(walk.browser), claims
