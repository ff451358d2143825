"""The landing page of the Back Office: where everyone is, who cannot work, who signs in, what changed last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.support.api.client import sign_in
from tests.support.waiting import past_midnight
from users.models import Session, User
from warehouses.models import Warehouse

DASHBOARD = "/admin/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def nothing_counted_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    """A browser with Olive in it, who may do everything."""
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend=BACKEND)
    return client


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A browser with somebody in it who may do only what is named."""

    def browser(*codenames: str) -> Client:
        person = make_user("cleo.clerk@example.test")
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(person, backend=BACKEND)
        return client

    return browser


def shown(browser: Client) -> Any:
    response = browser.get(DASHBOARD)
    assert response.status_code == 200
    page: Any = response.context
    return page


def test_the_warehouses_with_the_most_people_come_first(
    office: Client, make_user: Any, assign: Any, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    for n, warehouse in enumerate([river, river, river, north]):
        assign(make_user(f"a.b{n}@example.test", is_warehouse_user=True), warehouse, is_active=True)
    page = shown(office)
    assert [(place.name, place.people, place.percent) for place in page["places"]] == [
        ("River Annex", 3, 100),
        ("North Dock", 1, 33),
    ]
    assert page["working"] == 4


def test_of_many_warehouses_twenty_are_shown(office: Client, make_user: Any, assign: Any) -> None:
    for n in range(22):
        person = make_user(f"a.b{n}@example.test", is_warehouse_user=True)
        assign(person, Warehouse.objects.create(name=f"Warehouse {n}"), is_active=True)
    page = shown(office)
    assert (len(page["places"]), page["working"]) == (20, 22)
    assert "The 20 with the most people are shown." in office.get(DASHBOARD).content.decode()


def test_a_bar_is_a_row_of_a_table_and_carries_no_style(office: Client, pat_north: Any) -> None:
    pat_north.activate()
    main = office.get(DASHBOARD).content.decode().partition('<ul class="figures">')[2]
    assert '<rect width="100%"' in main
    assert "style=" not in main
    assert "North Dock</a></th>" in main


def test_warehouse_users_without_a_warehouse_are_counted(
    office: Client, pat_north: Any, sam: User, make_user: Any, olive: User
) -> None:
    make_user("dee.gone@example.test", is_warehouse_user=True, status=User.Status.DELETED)
    assert shown(office)["idle"] == 1


def failed(email: str) -> bool:
    """A sign-in with a wrong password."""
    body = {"grant_type": "password", "username": email, "password": "wrong-Horse-7!"}
    return Client().post("/token", body, content_type="application/json").status_code == 400


def test_sign_ins_and_failures_are_shown_by_day(office: Client, pat: User, olive: User) -> None:
    past_midnight()
    for _ in range(3):
        sign_in(pat.email)
    yesterday = timezone.now() - timedelta(days=1)
    Session.objects.filter(pk=Session.objects.first().pk).update(created_at=yesterday)
    assert failed(pat.email)
    Session.objects.filter(pk=Session.objects.last().pk).update(ended_at=timezone.now())

    page = shown(office)

    assert [(day.sign_ins, day.percent, day.failures) for day in page["days"][:3]] == [
        (2, 100, 1),
        (1, 50, 0),
        (0, 0, 0),
    ]
    assert len(page["days"]) == 14
    assert (page["open_sessions"], page["failures_today"]) == (2, 1)


def test_the_latest_changes_are_shown(office: Client, north: Warehouse) -> None:
    assert ("Created", "North Dock") in [(change.what, change.subject) for change in shown(office)["latest"]]


def test_the_page_of_an_empty_database_is_whole(office: Client) -> None:
    page = office.get(DASHBOARD).content.decode()
    assert "Nobody works in a warehouse now." in page


@pytest.mark.parametrize("rows", [1, 30])
def test_the_page_costs_at_most_eight_queries(clerk: Any, make_user: Any, assign: Any, rows: int) -> None:
    for n in range(rows):
        person = make_user(f"a.b{n}@example.test", is_warehouse_user=True)
        assign(person, Warehouse.objects.create(name=f"Warehouse {n}"), is_active=True)
    browser = clerk("view_user", "view_session", "view_warehouse", "view_warehouseuserassignment")
    ContentType.objects.clear_cache()  # which a test before may have filled
    with CaptureQueriesContext(connection) as first:
        browser.get(DASHBOARD)
    with CaptureQueriesContext(connection) as second:
        browser.get(DASHBOARD)
    # One more where the latest changes are of a kind whose names stand elsewhere: all are of one moment here, so that
    # which of them come first is left to the numbers of their rows.
    assert (len(first), len(second)) in {(8, 6), (7, 5)}, [query["sql"][-90:] for query in first]


@pytest.mark.parametrize(
    ("codenames", "parts"),
    [
        ((), set()),
        (("view_warehouse",), {"latest"}),
        (("view_warehouse", "view_warehouseuserassignment"), {"places", "latest"}),
        (("view_user",), {"idle", "latest"}),
        (("view_session",), {"days", "latest"}),
    ],
)
def test_each_part_shows_to_those_who_may_view_it(clerk: Any, pat_north: Any, codenames: Any, parts: set[str]) -> None:
    page = clerk(*codenames).get(DASHBOARD).content.decode()
    headings = {
        "places": "People working in each warehouse",
        "idle": "warehouse users without a warehouse",
        "days": "Sign-ins per day",
        "latest": "Latest changes",
    }
    assert {name for name, heading in headings.items() if heading in page} == parts
    assert ("You have no rights in the Back Office yet." in page) is not bool(parts)


def test_a_name_is_text_and_never_markup(office: Client, pat_north: Any) -> None:
    pat_north.activate()
    Warehouse.objects.update(name="<img src=x onerror=alert(1)>")
    assert b"<img" not in office.get(DASHBOARD).content
