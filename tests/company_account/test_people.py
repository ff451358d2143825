"""Whom a company account signs in, the first time and afterwards, and what that changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from config.history.changes import HistoryQuery, find
from tests.support.back_office.staff import member
from tests.support.cases import each
from tests.support.company_account.forger import Forger, Walk, serving
from tests.support.company_account.site import link, page_text, refusals, with_providers
from tests.support.sign_in.login import is_in
from users.models import AuditEvent, CompanyAccount, CompanySession, User

Provide = Callable[..., Any]
NOBODY = (
    "Back Office You cannot sign in with this account Forger knows you, but this account opens nothing here. Ask an "
    "administrator for access. If you ask for help, name this code: CODE Back to the login page"
)
MAP = {"wh-auditors": frozenset({"Auditor"}), "wh-admins": frozenset({"Administrator", "Auditor"})}
NOT_VERIFIED = "nobody is linked with this account, and its e-mail is not verified"
NO_ACCOUNT = "nobody is linked with this account, and nobody has its e-mail"
NO_MAPPED_ROLE = "nobody is linked with this account, and no group of it gives a role"
NO_NAME = "nobody is linked with this account, and its name or e-mail cannot be used"
NOT_ACTIVE = "the person is deactivated, deleted or no longer employed"


def refused(answer: Any, reason: str, username: str = "") -> None:
    """Everybody who may not enter gets the same page."""
    assert (answer.status_code, page_text(answer)) == (403, NOBODY)
    assert refusals() == [{"provider": "Forger", "username": username, "reason": reason}]
    assert not is_in(answer.client)
    AuditEvent.objects.all().delete()


def new_claims(**changes: Any) -> dict[str, Any]:
    usual = {"sub": "nina-1", "email": "nina.new@example.test", "email_verified": True}
    names = {"given_name": "Nina", "family_name": "New", "groups": ["wh-auditors", "canteen"]}
    return {name: value for name, value in (usual | names | changes).items() if value is not None}


# --- The first sign-in ------------------------------------------------------------------------------------------
def test_a_verified_e_mail_links_the_person_once(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger
) -> None:
    provided(links_by_email=True)
    forger.claims["email"] = "Olive.Office@EXAMPLE.test"
    assert walk.through().status_code == 302
    account = CompanyAccount.objects.get()
    assert (account.user, account.issuer, account.subject) == (olive_there, forger.issuer, "olive-1")
    assert AuditEvent.objects.get(tag="company_account_linked").username == olive_there.email
    (change, *_), _more = find(HistoryQuery({CompanyAccount: Q()}), 10)
    assert (change.what, change.who, change.through) == (
        "Company account linked",
        "Forger",
        "Sign-in by company account",
    )
    forger.claims = {"sub": "olive-1", "email": "another@example.test"}  # from now on the e-mail means nothing
    assert Walk(forger).through().status_code == 302
    assert CompanyAccount.objects.count() == 1


#: What is wrong with the e-mail → the claims that differ.
UNVERIFIED: dict[str, dict[str, Any]] = {
    "no word about it": {"email_verified": None},
    "not verified": {"email_verified": False},
    "a word for it": {"email_verified": "true"},
    "a number for it": {"email_verified": 1},
    "no e-mail": {"email": None},
    "several": {"email": ["olive.office@example.test"]},
}


@each("changes", UNVERIFIED.values(), UNVERIFIED)
def test_an_unverified_e_mail_takes_nobody_over(
    changes: dict[str, Any],
    provided: Provide,
    walk: Walk,
    olive_there: User,
    forger: Forger,
    nothing_changes: Callable[[], Any],
) -> None:
    provided(links_by_email=True, creates_users=True, roles=MAP)
    forger.claims = new_claims(**{"sub": "mallory-1", "email": olive_there.email} | changes)
    with nothing_changes():
        refused(walk.through(), NOT_VERIFIED)
    assert not CompanyAccount.objects.exists()


def test_what_userinfo_says_of_another_e_mail_verifies_nothing(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger, nothing_changes: Callable[[], Any]
) -> None:
    provided(links_by_email=True)
    forger.claims = {"sub": "mallory-1", "email": olive_there.email}
    forger.userinfo = {"email": "mallory@example.test", "email_verified": True}
    with nothing_changes():
        refused(walk.through(), NOT_VERIFIED)
    forger.claims, forger.userinfo = {"sub": "olive-1"}, {"email": olive_there.email, "email_verified": True}
    assert Walk(forger).through().status_code == 302


def test_no_e_mail_links_unless_the_operator_says_so(
    provided: Provide, walk: Walk, olive_there: User, nothing_changes: Callable[[], Any]
) -> None:
    provided()
    with nothing_changes():
        refused(walk.through(), "nobody is linked with this account")


def test_a_sign_in_name_is_no_e_mail(
    provided: Provide, walk: Walk, olive_there: User, nothing_changes: Callable[[], Any]
) -> None:
    provided(links_by_email=True)
    User.objects.filter(pk=olive_there.pk).update(has_mailbox=False)
    with nothing_changes():
        refused(walk.through(), NO_ACCOUNT)


def test_a_second_provider_that_claims_the_same_subject_is_somebody_else(
    provided: Provide, settings: Any, olive_there: User, forger: Forger, nothing_changes: Callable[[], Any]
) -> None:
    link(olive_there, provided(), "olive-1")
    with serving() as second:
        with_providers(settings, forger.provider(), second.provider(name="second"))
        second.claims = dict(forger.claims)
        with nothing_changes():
            refused(Walk(second, name="second").through(), "nobody is linked with this account")
        assert Walk(forger).through().status_code == 302
    assert CompanyAccount.objects.count() == 1


def test_another_account_of_the_same_provider_does_not_take_the_place_of_the_linked_one(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger, nothing_changes: Callable[[], Any]
) -> None:
    link(olive_there, provided(links_by_email=True), "olive-of-before")
    with nothing_changes():
        answer = walk.through()
    refused(answer, "the person is linked with another account of this provider", olive_there.email)


NOT_STAFF: dict[str, tuple[dict[str, Any], str]] = {
    "a warehouse user": ({"is_warehouse_user": True}, "the person is a warehouse user"),
    "deactivated": ({"status": "blocked"}, NOT_ACTIVE),
    "deleted": ({"status": "deleted"}, NOT_ACTIVE),
    "no longer employed": ({"employed_until": timezone.now()}, NOT_ACTIVE),
}


@pytest.mark.parametrize("is_linked", [True, False])
@each(("state", "reason"), NOT_STAFF.values(), NOT_STAFF)
def test_who_may_not_enter_gets_the_same_words_as_a_stranger(
    state: dict[str, Any],
    reason: str,
    is_linked: bool,
    provided: Provide,
    walk: Walk,
    olive_there: User,
    nothing_changes: Callable[[], Any],
) -> None:
    provider = provided(links_by_email=True, creates_users=True, roles=MAP)
    if is_linked:
        link(olive_there, provider, "olive-1")
    User.objects.filter(pk=olive_there.pk).update(**state)
    accounts = CompanyAccount.objects.count()
    with nothing_changes():
        answer = walk.through()
    refused(answer, reason, olive_there.email)
    assert (CompanyAccount.objects.count(), CompanySession.objects.count()) == (accounts, 0)


# --- New people -------------------------------------------------------------------------------------------------
def test_somebody_unknown_becomes_a_back_office_user_with_mapped_roles(
    provided: Provide, walk: Walk, forger: Forger
) -> None:
    provided(creates_users=True, roles=MAP)
    forger.claims = new_claims()
    assert walk.through().status_code == 302
    assert is_in(walk.browser)
    nina = User.objects.get(email="nina.new@example.test")
    assert (nina.get_full_name(), nina.roles, nina.is_staff) == ("Nina New", ["Auditor"], True)
    assert not nina.has_usable_password()
    changes, _more = find(HistoryQuery({User: Q()}), 10)
    assert [(change.what, change.who) for change in changes] == [("Changed", "Forger"), ("Created", "Forger")]


NEW: dict[str, tuple[dict[str, Any], str]] = {
    "no group that gives a role": ({"groups": ["canteen"]}, NO_MAPPED_ROLE),
    "no groups": ({"groups": None}, NO_MAPPED_ROLE),
    "a role instead of a group": ({"groups": ["Administrator"]}, NO_MAPPED_ROLE),
    "a group in other letters": ({"groups": ["WH-ADMINS", "wh-admins ", "wh-admins\u200b"]}, NO_MAPPED_ROLE),
    "groups in a text": ({"groups": "wh-admins,wh-auditors"}, NO_MAPPED_ROLE),
    "groups in groups": ({"groups": [["wh-admins"], {"wh-admins": True}, None, 1]}, NO_MAPPED_ROLE),
    "groups of another claim": ({"groups": None, "roles": ["wh-admins"]}, NO_MAPPED_ROLE),
    "rights of ours": ({"groups": None, "is_superuser": True, "isSuperuser": True, "is_staff": True}, NO_MAPPED_ROLE),
    "an e-mail that is not verified": ({"email_verified": False}, NOT_VERIFIED),
    "an e-mail that is none": ({"email": "nina"}, NO_NAME),
    "the e-mail of somebody else": ({"email": "olive.office@example.test"}, NO_NAME),
    "too many groups": (
        {"groups": None, "_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x.test"}}},
        "the provider left the groups out because there are too many",
    ),
}  # fmt: skip


@each(("changes", "reason"), NEW.values(), NEW)
def test_nobody_else_is_created(
    changes: dict[str, Any],
    reason: str,
    provided: Provide,
    walk: Walk,
    forger: Forger,
    olive: User,
    nothing_changes: Callable[[], Any],
) -> None:
    provided(creates_users=True, roles=MAP)
    forger.claims = new_claims(**changes)
    with nothing_changes():
        answer = walk.through()
    refused(answer, reason)
    assert not CompanyAccount.objects.exists()


def test_a_name_that_we_cannot_write_is_made_fit(provided: Provide, walk: Walk, forger: Forger) -> None:
    provided(creates_users=True, roles=MAP)
    forger.claims = new_claims(given_name="<b>N</b>:" + "x" * 100, family_name=None)
    assert walk.through().status_code == 302
    nina = User.objects.get(email="nina.new@example.test")
    assert (nina.first_name, nina.last_name) == ("bNb" + "x" * 42, "nina.new")


# --- Roles ------------------------------------------------------------------------------------------------------
def test_mapped_roles_are_refreshed_and_others_stay(
    provided: Provide, walk: Walk, olive_there: User, ada: User, forger: Forger
) -> None:
    link(olive_there, provided(roles=MAP), "olive-1")
    member(olive_there, "Warehouse manager", "Auditor")
    forger.claims["groups"] = ["wh-admins"]
    walk.through()
    olive_there.refresh_from_db()
    assert sorted(olive_there.roles) == ["Administrator", "Auditor", "Warehouse manager"]
    forger.claims["groups"] = "wh-auditors"  # some providers send one as a text
    walk.through()
    olive_there.refresh_from_db()
    assert sorted(olive_there.roles) == ["Auditor", "Warehouse manager"]
    (change, *_), _more = find(HistoryQuery({User: Q()}, about=[olive_there]), 10)
    assert (change.who, change.through) == ("Forger", "Sign-in by company account")
    before, after = ({*one.split(", ")} for one in (change.differences[0].before, change.differences[0].after))
    assert before - after == {"Administrator"}


#: Groups that somebody has named so, in the hope of a role.
CRAFTED: tuple[Any, ...] = (
    *("Administrator", "WH-ADMINS", "wh-admins ", "wh-admins\u200b", "wh-admins,wh-auditors", '["wh-admins"]', "*", ""),
    *(["wh-admins"], {"wh-admins": True}, {"roles": ["Administrator"]}, True, 1, None),
)


@each("group", CRAFTED)
def test_a_crafted_group_gives_who_is_linked_no_role(
    group: Any, provided: Provide, walk: Walk, olive_there: User, forger: Forger
) -> None:
    link(olive_there, provided(roles=MAP), "olive-1")
    forger.claims |= {"groups": ["wh-auditors", group], "roles": ["Administrator"], "is_superuser": True}
    assert walk.through().status_code == 302
    olive_there.refresh_from_db()
    assert (olive_there.roles, olive_there.is_superuser) == (["Auditor"], False)


def test_the_history_finds_what_a_provider_has_changed(
    provided: Provide, walk: Walk, olive_there: User, as_ada: Client, forger: Forger
) -> None:
    history = "/admin/history/"
    text = "the label of a provider of company accounts"
    assert text not in as_ada.get(history).content.decode()
    link(olive_there, provided(roles=MAP), "olive-1")
    forger.claims["groups"] = ["wh-admins"]
    walk.through()
    page = as_ada.get(history, {"actor": "forger"})
    assert [(one.what, one.who, one.subject) for one in page.context["changes"]] == [
        ("Changed", "Forger", olive_there.email)
    ]
    assert text in page.content.decode()
    assert as_ada.get(history, {"actor": "forge"}).context["form"].errors == {
        "actor": ["No person has the name, e-mail or ID “forge”."]
    }
    assert "Forger" not in {one.who for one in as_ada.get(history, {"actor": olive_there.email}).context["changes"]}


def test_who_is_in_no_group_any_more_loses_the_roles_and_is_refused(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger
) -> None:
    link(olive_there, provided(roles=MAP), "olive-1")
    forger.claims["groups"] = []
    refused(walk.through(), "the person has no role", olive_there.email)
    olive_there.refresh_from_db()
    assert olive_there.roles == []


def test_the_last_administrator_keeps_the_role_and_is_refused(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger, nothing_changes: Callable[[], Any]
) -> None:
    link(olive_there, provided(roles=MAP), "olive-1")
    member(olive_there, "Administrator")
    forger.claims["groups"] = ["wh-auditors"]
    with nothing_changes():
        answer = walk.through()
    refused(answer, "the groups would take the rights of the last administrator", olive_there.email)
    olive_there.refresh_from_db()
    assert olive_there.roles == ["Administrator"]


def test_a_mapped_role_that_does_not_exist_gives_nothing(
    provided: Provide, walk: Walk, olive_there: User, forger: Forger
) -> None:
    link(olive_there, provided(roles=MAP | {"ghosts": frozenset({"Ghost"})}), "olive-1")
    forger.claims["groups"] = ["wh-auditors", "ghosts"]
    assert walk.through().status_code == 302
    olive_there.refresh_from_db()
    assert olive_there.roles == ["Auditor"]
    assert not Group.objects.filter(name="Ghost").exists()
