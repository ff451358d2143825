"""Roles are guarded by what they allow, not by what they are called: nobody changes one that may do more than they."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, connections, transaction
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.back_office.staff import change, errors, group, member, signed_in, told
from tests.support.cases import each
from tests.support.servers.concurrency import wait_until_blocked
from users import roles
from users.models import User

ROLES = "/admin/auth/group/"
PEOPLE = "/admin/users/user/"
LAST = "This is the last active administrator whose employment has no end. Make somebody else an administrator first."


def rights(*names: str) -> list[Permission]:
    """Permissions by `app.codename`."""
    split = [name.split(".") for name in names]
    return [Permission.objects.get(content_type__app_label=app, codename=codename) for app, codename in split]


def role_with(name: str, *names: str) -> Group:
    role = Group.objects.create(name=name)
    role.permissions.set(rights(*names))
    return role


def page_of(role: Group) -> str:
    return f"{ROLES}{role.pk}/change/"


def edit(browser: Client, role: Group, **changes: Any) -> Any:
    held = {"name": role.name, "permissions": [one.pk for one in role.permissions.all()]}
    return browser.post(page_of(role), held | changes)


def as_it_is(role: Group) -> tuple[str, set[str]]:
    found = Group.objects.get(pk=role.pk)
    return found.name, set(found.permissions.values_list("codename", flat=True))


@pytest.fixture
def administrator(db: None) -> Group:
    return group(roles.ADMINISTRATOR)


@pytest.fixture
def adam(make_user: Callable[..., User]) -> User:
    """The one administrator."""
    return member(make_user("adam.admin@example.test"), roles.ADMINISTRATOR)


@pytest.fixture
def desk(db: None) -> Group:
    """A role that may change roles and people, and see what it changes, and not much else."""
    return role_with("Desk", "auth.view_group", "auth.change_group", "auth.add_group", "auth.delete_group")


@pytest.fixture
def as_clerk(make_user: Callable[..., User], desk: Group) -> Client:
    clerk = make_user("cleo.clerk@example.test")
    clerk.groups.set([desk])
    return signed_in(clerk)


# --- Roles above one's own --------------------------------------------------------------------------------------
@each("attack", [{"permissions": []}, {"name": "Nobody"}, {"name": "Nobody", "permissions": []}])
@each("name", roles.ROLES)
def test_nobody_edits_a_role_that_may_do_more_than_they(name: str, attack: Any, as_clerk: Client, adam: User) -> None:
    before = as_it_is(group(name))
    assert edit(as_clerk, group(name), **attack).status_code == 403
    assert as_it_is(group(name)) == before


def test_nobody_deletes_a_role_that_may_do_more_than_they(as_clerk: Client, adam: User) -> None:
    for name in roles.ROLES:
        assert as_clerk.get(f"{ROLES}{group(name).pk}/delete/").status_code == 403
        assert as_clerk.post(f"{ROLES}{group(name).pk}/delete/", {"post": "yes"}).status_code == 403
    assert Group.objects.filter(name__in=roles.ROLES).count() == len(roles.ROLES)


def test_a_role_above_ones_own_can_be_looked_at_and_offers_no_button(as_clerk: Client, administrator: Group) -> None:
    page = as_clerk.get(page_of(administrator))
    assert page.status_code == 200
    assert not page.context["has_change_permission"]
    assert not page.context["has_delete_permission"]
    assert "Warehouses: delete" in page.content.decode()


def test_a_role_that_may_do_no_more_can_be_edited_and_deleted(as_clerk: Client) -> None:
    lesser = role_with("Lesser", "auth.view_group")
    assert edit(as_clerk, lesser, name="Least", permissions=[]).status_code == 302
    assert as_it_is(lesser) == ("Least", set())
    assert as_clerk.post(f"{ROLES}{lesser.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(pk=lesser.pk).exists()


def test_no_action_of_the_list_deletes_roles(as_clerk: Client, adam: User, administrator: Group) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [administrator.pk], "index": 0, "post": "yes"}
    for browser in (as_clerk, signed_in(adam)):
        browser.post(ROLES, chosen)
    assert Group.objects.filter(pk=administrator.pk).exists()


def test_the_name_makes_no_administrator(
    as_clerk: Client, desk: Group, adam: User, administrator: Group, pat: User, nothing_changes: Any
) -> None:
    """The attack: rename the role Administrator away, one's own to it, and reset a second factor."""
    desk.permissions.add(*rights("users.view_user", "users.change_user", "users.add_user"))
    desk.permissions.remove(*rights("auth.change_group"))
    Group.objects.filter(pk=administrator.pk).update(name="Chief")
    Group.objects.filter(pk=desk.pk).update(name=roles.ADMINISTRATOR)
    TOTPDevice.objects.create(user=pat, confirmed=True)
    clerk = User.objects.get(email="cleo.clerk@example.test")
    assert clerk.roles == [roles.ADMINISTRATOR]
    assert not clerk.is_administrator
    assert "reset-two-factor" not in as_clerk.get(f"{PEOPLE}{pat.pk}/change/").content.decode()
    with nothing_changes():
        assert as_clerk.post(f"{PEOPLE}{pat.pk}/reset-two-factor/").status_code == 403
    assert TOTPDevice.objects.filter(user=pat).exists()
    assert User.objects.get(pk=adam.pk).is_administrator
    assert list(User.objects.administrators()) == [adam]


def test_who_resets_second_factors_may_change_the_person(
    make_user: Callable[..., User], adam: User, nothing_changes: Any
) -> None:
    helper = make_user("hal.helper@example.test")
    helper.groups.set([role_with("Helpers", "users.view_user", "users.change_user", "auth.change_group")])
    assert User.objects.get(pk=helper.pk).is_administrator
    TOTPDevice.objects.create(user=adam, confirmed=True)
    as_helper = signed_in(helper)
    with nothing_changes():
        assert as_helper.post(f"{PEOPLE}{adam.pk}/reset-two-factor/").status_code == 403
    assert TOTPDevice.objects.filter(user=adam).exists()


# --- What makes an administrator --------------------------------------------------------------------------------
_BOTH = getattr(roles, "ADMINISTRATION", ("users.change_user", "auth.change_group"))


@pytest.mark.thorough
@each("is_superuser", [False, True])
@each("status", ["active", "blocked", "deleted"])
@each("is_warehouse_user", [False, True])
def test_sql_and_python_agree_on_who_is_an_administrator(
    is_superuser: bool, status: str, is_warehouse_user: bool, make_user: Callable[..., User]
) -> None:
    """Each right from nowhere, a first role, a second role, or given to the person directly."""
    one, two = role_with("One"), role_with("Two")
    expected = set()
    for n, places in enumerate(product(("nowhere", "one", "two", "person"), repeat=len(_BOTH))):
        fields = {"is_superuser": is_superuser, "status": status, "is_warehouse_user": is_warehouse_user}
        person = make_user(f"p.number{n}@example.test", **fields)
        roles_of_person = [Group.objects.create(name=f"{n} {role.name}") for role in (one, two)]
        for right, place in zip(rights(*_BOTH), places, strict=True):
            if place == "person":
                person.user_permissions.add(right)
            elif place != "nowhere":
                roles_of_person[place == "two"].permissions.add(right)
        person.groups.set(roles_of_person)
        has_both = is_superuser or "nowhere" not in places
        if has_both and status == "active" and not is_warehouse_user:
            expected.add(person.pk)
    assert set(User.objects.administrators().values_list("pk", flat=True)) == expected
    assert {person.pk for person in User.objects.all() if person.is_administrator} == expected


def test_who_is_an_administrator_costs_the_two_queries_that_any_right_costs(
    adam: User, django_assert_num_queries: Any
) -> None:
    person = User.objects.get(pk=adam.pk)
    with django_assert_num_queries(2):
        assert person.has_perm("users.view_user")
        assert person.is_administrator
        assert person.is_administrator


# --- The last administrator -------------------------------------------------------------------------------------
def test_the_last_administrator_does_not_delete_their_own_role(adam: User, administrator: Group) -> None:
    answer = signed_in(adam).post(f"{ROLES}{administrator.pk}/delete/", {"post": "yes"})
    assert told(answer) == [LAST]
    assert answer.status_code == 302
    assert list(User.objects.administrators()) == [adam]


@pytest.mark.parametrize("right", _BOTH)
def test_the_last_administrator_does_not_weaken_their_own_role(right: str, adam: User, administrator: Group) -> None:
    before = as_it_is(administrator)
    (taken,) = rights(right)
    left = [one.pk for one in administrator.permissions.all() if one != taken]
    answer = edit(signed_in(adam), administrator, name="Chief", permissions=left)
    assert told(answer) == [LAST]
    assert as_it_is(administrator) == before
    assert list(User.objects.administrators()) == [adam]


def test_a_blocked_administrator_does_not_count(
    adam: User, make_user: Callable[..., User], administrator: Group
) -> None:
    member(make_user("bob.blocked@example.test", status="blocked"), roles.ADMINISTRATOR)
    member(make_user("wim.warehouse@example.test", is_warehouse_user=True), roles.ADMINISTRATOR)
    assert told(signed_in(adam).post(f"{ROLES}{administrator.pk}/delete/", {"post": "yes"})) == [LAST]
    assert Group.objects.filter(pk=administrator.pk).exists()


def test_a_role_can_go_while_another_administrator_stays(
    adam: User, make_user: Callable[..., User], administrator: Group
) -> None:
    make_user("sue.super@example.test", is_superuser=True)
    signed_in(adam).post(f"{ROLES}{administrator.pk}/delete/", {"post": "yes"})
    assert not Group.objects.filter(pk=administrator.pk).exists()


def test_the_last_administrator_by_a_role_of_another_name_does_not_leave_it(
    make_user: Callable[..., User], nothing_changes: Any
) -> None:
    chief = make_user("carl.chief@example.test")
    chief.groups.set([role_with("Chief", *(f"{app}.{name}" for app, name in roles.codenames(roles.ADMINISTRATOR)))])
    as_chief = signed_in(chief)
    with nothing_changes():
        assert LAST in errors(change(as_chief, chief, groups=[group(roles.STAFF_MANAGER).pk]))["__all__"]
    assert list(User.objects.administrators()) == [chief]


# --- At the same moment -----------------------------------------------------------------------------------------
@pytest.fixture
def two_administrators(transactional_db: None, make_user: Callable[..., User]) -> list[tuple[User, Group]]:
    """Each by a role of their own, and nobody else."""
    names = [f"{app}.{name}" for app, name in roles.codenames(roles.ADMINISTRATOR)]
    made = []
    for n in (1, 2):
        person = make_user(f"chief.number{n}@example.test")
        role = role_with(f"Chief {n}", *names)
        person.groups.set([role])
        made.append((person, role))
    return made


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["weaken", "delete"])
def test_of_two_administrators_who_take_each_others_role_the_second_is_refused(
    deed: str, two_administrators: list[tuple[User, Group]]
) -> None:
    (first, first_role), (second, second_role) = two_administrators
    as_first, as_second = signed_in(first), signed_in(second)
    assert as_first.get(ROLES).status_code == as_second.get(ROLES).status_code == 200
    answers: dict[str, int] = {}

    def take(name: str, browser: Client, role: Group) -> None:
        try:
            answers[name] = _take(deed, browser, role)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=take, args=("first", as_first, second_role)),
        threading.Thread(target=take, args=("second", as_second, first_role)),
    ]
    with transaction.atomic():
        list(User.objects.filter(pk__in=[first.pk, second.pk]).order_by("pk").locked())
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_until_blocked(connection.connection, number)
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [302, 403]
    assert User.objects.administrators().count() == 1


def _take(deed: str, browser: Client, role: Group) -> int:
    if deed == "weaken":
        return edit(browser, role, permissions=[]).status_code
    return browser.post(f"{ROLES}{role.pk}/delete/", {"post": "yes"}).status_code
