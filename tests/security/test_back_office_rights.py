"""Who may open and do what in the Back Office: every route, every role, against one table."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLResolver, get_resolver

from assignments.models import WarehouseUserAssignment
from tests.conftest import make_client, snapshot
from tests.support.api.client import sign_in
from tests.support.api.permissions import undone
from tests.support.back_office import confined
from tests.support.back_office.roles import ALL, CONFINED, ROLE_OF, TABLE
from tests.support.back_office.staff import signed_in
from tests.support.confinement import Site, confined_to
from users import roles
from users.models import Session, User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

#: The sign-in, which is open to everyone.
OPEN = {"login/", "login/code/", "password_reset/", "reset/", "reset/<uidb64>/<token>/"}


def routes() -> dict[str, str]:
    """Every route of the Back Office, without `admin/`."""
    found: dict[str, str] = {}
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.pattern) == "admin/":
            found |= dict(_walk(pattern.url_patterns, ""))
    return found


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = prefix + re.sub(r"\^?\(\?P<(\w+)>[^)]*\)", r"<\1>", str(pattern.pattern)).rstrip("$")
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern.name


@pytest.fixture
def rows(
    pat: User, north: Warehouse, river: Warehouse, pat_north: WarehouseUserAssignment, make_user: Callable[..., User]
) -> dict[str, Any]:
    sign_in(pat.email)
    manager = make_user("ned.north@example.test")
    confined_to(manager, north)
    return {
        "users/user": pat,
        "users/session": Session.objects.get(),
        "users/auditevent": AuditEvent.objects.get(),
        "users/client": make_client(client_id="label-printer", is_confidential=True),
        "warehouses/warehouse": north,
        "elsewhere": river,
        "manager": manager,
        "assignments/warehouseuserassignment": pat_north,
        "auth/group": Group.objects.get(name=roles.AUDITOR),
    }


@pytest.fixture
def sign_in_as(make_user: Callable[..., User], north: Warehouse) -> Callable[[str], Client]:
    """A client of somebody with the role of this letter; of the confined, one who manages `north`."""

    def sign_in_as(letter: str) -> Client:
        person = make_user(f"{letter.lower()}.person@example.test")
        if role := ROLE_OF[letter]:
            person.groups.add(Group.objects.get(name=role))
        if letter == CONFINED:
            confined_to(person, north)
        client = Client(raise_request_exception=False)
        client.force_login(person)
        return client

    return sign_in_as


def path_of(route: str, rows: dict[str, Any]) -> str:
    model = "/".join(route.split("/")[:2])
    row = rows.get(model)
    values = {"object_id": getattr(row, "pk", 1), "pk": getattr(row, "pk", 1), "app_label": "users", "url": "nowhere"}
    if "warehouseuserassignment/user/" in route:
        values["uuid"] = rows["users/user"].uuid
    if "warehouseuserassignment/warehouse/" in route:
        values["uuid"] = rows["warehouses/warehouse"].uuid
    if "warehouseuserassignment/managed/" in route:
        values["uuid"] = rows["manager"].uuid
    if "<uuid:pk>" in route and model != "users/session":
        values["pk"] = "00000000-0000-4000-8000-000000000000"
    values |= {"name": "deactivate", "uidb64": "x", "token": "x"}
    return "/admin/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), route)


#: What to send so that a route would act, where nothing at all is not enough.
BODIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "assignments/warehouseuserassignment/user/<str:uuid>/": lambda rows: {"assign": str(rows["elsewhere"].pk)},
    "assignments/warehouseuserassignment/warehouse/<str:uuid>/": lambda rows: {"deassign": str(rows["users/user"].pk)},
    "users/session/end/": lambda rows: {"sessions": str(rows["users/session"].pk)},
}


def ask(method: str, route: str, client: Client, rows: dict[str, Any]) -> int:
    """The status of one request, by a copy of this client: signing out, for one, must not last."""
    copied = Client(raise_request_exception=False)
    copied.cookies = copy.deepcopy(client.cookies)
    body = BODIES.get(route, lambda rows: {"post": "yes"})(rows) if method == "post" else {}
    answer = getattr(copied, method)(path_of(route, rows), body)
    return answer.status_code


def test_every_route_of_the_back_office_is_in_the_table() -> None:
    assert sorted(routes()) == sorted(TABLE)


#: Who may only read: they change nothing anywhere, whatever they may POST to.
READERS = "RN"


@pytest.mark.thorough
@pytest.mark.drill
@pytest.mark.parametrize("letter", ALL)
def test_each_role_may_do_what_the_table_says_and_no_more(
    letter: str, sign_in_as: Callable[[str], Client], rows: dict[str, Any], whole: bool
) -> None:
    """In the short form, only one of those who may is let in, each at other routes; the others are all refused."""
    client, before = sign_in_as(letter), snapshot()
    for number, (method, route, allowed) in enumerate(requests()):
        is_allowed, is_reader = letter in allowed, method == "post" and letter in READERS
        if is_allowed and not (whole or is_reader or letter == allowed[number % len(allowed)]):
            continue
        with undone():
            status = ask(method, route, client, rows)
            assert status in ({200, 302, 404, 405} if is_allowed else {403, 405}), (method, route, status)
            assert (is_allowed and not is_reader) or snapshot() == before, (method, route)


def requests() -> Iterator[tuple[str, str, str]]:
    """Method, route, and who may."""
    for route, (get, post) in TABLE.items():
        yield "get", route, get
        yield "post", route, post


# --- The confined -----------------------------------------------------------------------------------------------
def test_every_route_with_a_row_has_cells_for_the_confined() -> None:
    assert {route for route in routes() if confined.needs_cells(route)} - confined.ROWS.keys() == set()
    assert confined.ROWS.keys() - routes().keys() == set()


@pytest.mark.thorough
@pytest.mark.parametrize("route", confined.ROWS)
def test_a_confined_site_manager_gets_at_each_row_what_the_table_says(route: str, site: Site) -> None:
    client, rows, found = signed_in(site.manager), confined.rows_of(site)[confined.model_of(route)], []
    before = snapshot()
    for method in ("get", "post"):
        with undone():
            missing = confined.ask(client, method, route, rows[-1])
        marks = ""
        for row in rows[:-1]:
            with undone():
                marks += confined.mark(confined.ask(client, method, route, row), missing, is_same=snapshot() == before)
        found.append(marks)
    assert tuple(found) == confined.ROWS[route]


def test_nobody_gets_anywhere_without_signing_in(rows: dict[str, Any]) -> None:
    before = snapshot()
    for route in TABLE.keys() - OPEN:
        for method in ("get", "post"):
            with undone():
                assert ask(method, route, Client(), rows) in {302, 405}, (method, route)
                assert snapshot() == before


# --- The groups -------------------------------------------------------------------------------------------------
def test_the_four_groups_are_there_with_the_permissions_of_the_table(db: None) -> None:
    found = {
        group.name: set(group.permissions.values_list("content_type__app_label", "codename"))
        for group in Group.objects.all()
    }
    assert found == {role: set(roles.codenames(role)) for role in roles.ROLES}


def test_nobody_puts_others_into_a_group_that_may_do_more_than_they(make_user: Callable[..., User]) -> None:
    def grantable(role: str) -> set[str]:
        person = make_user(f"{role.split()[0].lower()}.person@example.test")
        person.groups.add(Group.objects.get(name=role))
        return set(roles.grantable_by(person).values_list("name", flat=True))

    assert grantable(roles.ADMINISTRATOR) == set(roles.ROLES)
    assert grantable(roles.STAFF_MANAGER) == {roles.STAFF_MANAGER, roles.SITE_MANAGER}
    assert grantable(roles.AUDITOR) == {roles.AUDITOR}
    superuser = make_user("sue.super@example.test", is_superuser=True)
    assert roles.grantable_by(superuser).count() == len(roles.ROLES)
