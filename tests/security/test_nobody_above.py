"""Nobody changes who may do more than they: whoever sets a password can sign in with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.api.client import sign_in
from tests.support.back_office.sheets import apply, faults, upload
from tests.support.back_office.staff import LIST, NEW_PASSWORD, bulk, change, member, rows, signed_in, switch, told
from users import roles
from users.models import User

SESSIONS = "/admin/users/session/"
WHY = "This user may do more than you. Ask somebody who may do as much."
#: Role → the roles of those whom it may change, besides people without any.
BELOW = {
    roles.ADMINISTRATOR: set(roles.ROLES),
    roles.STAFF_MANAGER: {roles.STAFF_MANAGER, roles.SITE_MANAGER},
    roles.SITE_MANAGER: {roles.SITE_MANAGER},
    roles.WAREHOUSE_MANAGER: {roles.WAREHOUSE_MANAGER},
    roles.AUDITOR: {roles.AUDITOR},
}


@pytest.fixture(params=["superuser", roles.ADMINISTRATOR, roles.WAREHOUSE_MANAGER, roles.AUDITOR])
def boss(request: Any, make_user: Callable[..., User], ada: User) -> User:
    """Somebody who may do what a Staff manager may not; whatever else they may not."""
    if request.param == "superuser":
        return make_user("boss.above@example.test", is_superuser=True)
    return User.objects.get(pk=member(make_user("boss.above@example.test"), request.param).pk)


@pytest.mark.parametrize("role", roles.ROLES)
def test_a_role_changes_those_who_may_do_no_more(role: str, make_user: Callable[..., User]) -> None:
    actor = User.objects.get(pk=member(make_user("one.actor@example.test"), role).pk)
    for other in roles.ROLES:
        person = User.objects.get(pk=member(make_user(f"{other.split()[0].lower()}.person@example.test"), other).pk)
        blocked = User(status="blocked", roles=person.roles)
        assert person.may_be_changed_by(actor) is blocked.may_be_changed_by(actor) is (other in BELOW[role]), other
        assert User.objects.changeable_by(actor).filter(pk=person.pk).exists() is (other in BELOW[role]), other
    assert User().may_be_changed_by(actor)
    assert not User(is_superuser=True).may_be_changed_by(actor)
    assert actor.may_be_changed_by(actor)


def test_a_group_of_the_operators_counts_by_what_it_may(manager: User, as_manager: Client, olive: User) -> None:
    desk = Group.objects.create(name="Desk")
    olive.groups.set([desk])
    assert change(as_manager, olive, first_name="Olivia", groups=[desk.pk]).status_code == 302
    desk.permissions.add(Permission.objects.get(codename="change_warehouse"))
    assert change(as_manager, olive, first_name="Oona", groups=[desk.pk]).status_code == 403
    assert User.objects.get(pk=olive.pk).first_name == "Olivia"


def test_nobody_edits_who_may_do_more(as_manager: Client, boss: User, nothing_changes: Any) -> None:
    page = as_manager.get(f"{LIST}{boss.pk}/change/").content.decode()
    for control in ("password1", "sign-out", "unlock-sign-in", "reset-two-factor"):
        assert control not in page, control
    with nothing_changes():
        sent = change(as_manager, boss, first_name="X", password1=NEW_PASSWORD, password2=NEW_PASSWORD)
        assert sent.status_code == 403


def test_nobody_blocks_or_deletes_who_may_do_more(as_manager: Client, boss: User, nothing_changes: Any) -> None:
    with nothing_changes():
        assert told(switch(as_manager, boss, "deactivate")) == [f"User was not deactivated. {WHY}"]
        assert told(as_manager.post(f"{LIST}{boss.pk}/delete/")) == [f"User was not deleted. {WHY}"]
        for name in ("deactivate", "make-warehouse-user", "end-sessions"):
            assert any(WHY in words for words in told(bulk(as_manager, name, boss))), name


def test_nobody_takes_the_second_factor_of_who_may_do_more(
    as_manager: Client, boss: User, make_user: Callable[..., User], nothing_changes: Any
) -> None:
    TOTPDevice.objects.create(user=boss, confirmed=True)
    with nothing_changes():
        for path in ("reset-two-factor/", "unlock-sign-in/", "sign-out/"):
            assert as_manager.post(f"{LIST}{boss.pk}/{path}").status_code == 403, path
    assert TOTPDevice.objects.filter(user=boss).exists()


def test_an_administrator_takes_no_second_factor_of_a_superuser(ada: User, olive: User, nothing_changes: Any) -> None:
    TOTPDevice.objects.create(user=ada, confirmed=True)
    as_olive = signed_in(member(olive, roles.ADMINISTRATOR))
    with nothing_changes():
        assert as_olive.post(f"{LIST}{ada.pk}/reset-two-factor/").status_code == 403
    assert TOTPDevice.objects.filter(user=ada).exists()


def test_nobody_ends_the_sessions_of_who_may_do_more(
    as_manager: Client, boss: User, pat: User, nothing_changes: Any
) -> None:
    sign_in(boss.email)
    theirs = boss.sessions.get()
    assert f"{theirs.pk}/end/" not in as_manager.get(SESSIONS).content.decode()
    with nothing_changes():
        assert told(as_manager.post(f"{SESSIONS}{theirs.pk}/end/")) == [
            "0 sessions were ended.",
            f"1 left as is: {WHY}",
        ]
    sign_in(pat.email)
    others = pat.sessions.get()
    chosen = {"action": "end_selected", "_selected_action": [theirs.pk, others.pk], "index": 0}
    asked = as_manager.post(SESSIONS, chosen)
    assert f"1 left as is: {WHY}" in asked.content.decode()
    assert asked.context["keys"] == others.pk.hex
    as_manager.post(f"{SESSIONS}end/", {"keys": f"{theirs.pk.hex},{others.pk.hex}", "back": ""})
    assert (boss.sessions.live().count(), pat.sessions.live().count()) == (1, 0)


def test_no_import_changes_who_may_do_more(as_manager: Client, boss: User, nothing_changes: Any) -> None:
    with nothing_changes():
        job = upload(as_manager, LIST, f"email,first_name,last_name,password\n{boss.email},X,Y,{NEW_PASSWORD}")
        assert faults(job) == [(2, "email", WHY)]
        apply(as_manager, LIST, job)


def test_the_list_offers_no_button_that_would_be_refused(as_manager: Client, boss: User, pat: User) -> None:
    page = as_manager.get(LIST).content.decode()
    for path in (f"{LIST}{pat.pk}/switch/deactivate/", f"{LIST}{pat.pk}/delete/"):
        assert path in page
        assert path.replace(f"/{pat.pk}/", f"/{boss.pk}/") not in page


def test_who_may_be_changed_costs_the_list_one_query_for_all(
    as_manager: Client, make_user: Callable[..., User], django_assert_num_queries: Any
) -> None:
    def load() -> None:
        with django_assert_num_queries(7):  # session, person, their rights (two), whom they may change, how many, page
            assert len(rows(as_manager.get(LIST))) > 1

    member(make_user("first.auditor@example.test"), roles.AUDITOR)
    load()
    for number in range(12):
        member(make_user(f"auditor.{number}@example.test"), roles.AUDITOR)
    load()
