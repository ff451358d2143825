"""How many statements each call costs, exactly, and which: speed is a feature."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, FORM, PASSWORD, Api
from users.models import Session, User
from warehouses.models import Warehouse

_TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")


@pytest.fixture
def statements() -> Callable[[Callable[[], Any]], list[str]]:
    """The statements of one call, transaction control aside, each as its verb and the table it is about."""

    def run(call: Callable[[], Any]) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            answer = call()
        assert answer.status_code < 300, answer.content
        # What the history wants to know of a request goes along with its statements, in the same round trip.
        texts = [query["sql"].rpartition(", true); ")[2] for query in queries]
        return [_summary(text) for text in texts if not text.startswith(_TRANSACTION_CONTROL)]

    return run


def _summary(sql: str) -> str:
    sql = re.sub(r"EXISTS\(.*? LIMIT 1\)", "", sql)  # what it asks along the way
    verb = sql.split()[0]
    table = sql.partition(" FROM " if verb in ("SELECT", "DELETE") else verb)[2].split('"')[1].rpartition("_")[2]
    return f"{verb} {table}{' FOR UPDATE' if 'FOR NO KEY UPDATE' in sql else ''}"


@pytest.fixture
def crowd(pat: User, make_user: Callable[..., User], north: Warehouse, river: Warehouse) -> None:
    """Forty rows of twenty-one people."""
    for user in [pat, *(make_user(f"p.{n}@example.test", is_warehouse_user=True) for n in range(19))]:
        WarehouseUserAssignment.objects.set_warehouses(user, add=[north, river], remove=[])


SIGNED_IN = "SELECT session"


def test_a_list_of_any_length_costs_two(as_olive: Api, as_pat: Api, crowd: None, statements: Any) -> None:
    two = [SIGNED_IN, "SELECT warehouseuserassignment"]
    for path in (
        ASSIGNMENTS,
        f"{ASSIGNMENTS}?page[limit]=1",
        f"{ASSIGNMENTS}?include=warehouses",
        f"{ASSIGNMENTS}?sort=-warehouse.name&filter[warehouse-user-assignments.isActive]=false",
    ):
        assert statements(lambda path=path: as_olive.get(path)) == two
        assert statements(lambda path=path: as_pat.get(path)) == two
    assert statements(lambda: as_olive.get("/users")) == [SIGNED_IN, "SELECT user"]
    assert statements(lambda: as_pat.get("/warehouses")) == [SIGNED_IN, "SELECT warehouse"]


def test_noting_that_a_session_is_in_use_costs_one_more_every_five_minutes(as_pat: Api, statements: Any) -> None:
    Session.objects.update(last_used_at=timezone.now() - timedelta(seconds=Session.LAST_USED_SECONDS + 1))
    rows = "SELECT warehouseuserassignment"
    assert statements(lambda: as_pat.get(ASSIGNMENTS)) == [SIGNED_IN, "UPDATE session", rows]
    assert statements(lambda: as_pat.get(ASSIGNMENTS)) == [SIGNED_IN, rows]


def test_what_is_included_costs_nothing_more(as_olive: Api, crowd: None, statements: Any) -> None:
    expected = [SIGNED_IN, "SELECT warehouseuserassignment"]
    assert statements(lambda: as_olive.get(f"{ASSIGNMENTS}?include=users,warehouses")) == expected


def test_a_total_costs_one_more(as_olive: Api, crowd: None, statements: Any) -> None:
    count_and_rows = ["SELECT warehouseuserassignment"] * 2
    assert statements(lambda: as_olive.get(f"{ASSIGNMENTS}?page[total]=true")) == [SIGNED_IN, *count_and_rows]


def test_one_row_costs_two(as_pat: Api, pat_north: WarehouseUserAssignment, statements: Any) -> None:
    expected = [SIGNED_IN, "SELECT warehouseuserassignment"]
    assert statements(lambda: as_pat.get(f"{ASSIGNMENTS}/{pat_north.uuid}")) == expected


def test_a_switch_costs_five(
    as_pat: Api, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment, statements: Any
) -> None:
    pat_north.activate()
    assert statements(lambda: as_pat.patch(f"{ASSIGNMENTS}/{pat_river.uuid}", {"isActive": True})) == [
        SIGNED_IN,
        "SELECT warehouseuserassignment",
        "SELECT user FOR UPDATE",  # the person is locked,
        "UPDATE warehouseuserassignment",  # the others cleared,
        "UPDATE warehouseuserassignment",  # and this one set
    ]


def test_a_switch_with_the_person_included_costs_no_more(
    as_pat: Api, pat_north: WarehouseUserAssignment, statements: Any
) -> None:
    path = f"{ASSIGNMENTS}/{pat_north.uuid}?include=users,warehouses"
    assert len(statements(lambda: as_pat.patch(path, {"isActive": True}))) == 5


def test_a_switch_that_changes_nothing_costs_four(
    as_pat: Api, pat_north: WarehouseUserAssignment, statements: Any
) -> None:
    pat_north.activate()
    calls = statements(lambda: as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True}))
    assert calls == [
        SIGNED_IN,
        "SELECT warehouseuserassignment",
        "SELECT user FOR UPDATE",
        "SELECT warehouseuserassignment",  # still so, now that nobody else can switch?
    ]


def test_a_new_active_assignment_costs_six(as_olive: Api, pat: User, north: Warehouse, statements: Any) -> None:
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}, "isActive": True}
    assert statements(lambda: as_olive.post(ASSIGNMENTS, wanted)) == [
        SIGNED_IN,
        "SELECT user FOR UPDATE",
        "SELECT warehouse",
        "SELECT warehouseuserassignment",  # is the pair there already?
        "UPDATE warehouseuserassignment",
        "INSERT warehouseuserassignment",
    ]


def test_a_sign_in_costs_six(pat: User, statements: Any) -> None:
    body = urlencode({"grant_type": "password", "username": pat.email, "password": PASSWORD})
    assert statements(lambda: Client().post("/token", body, content_type=FORM)) == [
        "SELECT accessfailurelog",  # is the account closed to this address?
        "SELECT user",
        "SELECT user FOR UPDATE",  # still the same password, now that nobody can change it?
        "INSERT session",
        "UPDATE user",  # the last sign-in
        "INSERT auditevent",
    ]


def test_a_warehouse_token_costs_four(as_pat: Api, pat_north: WarehouseUserAssignment, statements: Any) -> None:
    pat_north.activate()
    assert statements(lambda: as_pat.post("/warehouse-tokens")) == [
        SIGNED_IN,
        "SELECT warehouseuserassignment",
        "INSERT warehousegrant",
        "INSERT auditevent",
    ]


def test_a_refused_token_costs_at_most_one(as_pat: Api, pat: User, django_assert_num_queries: Any) -> None:
    pat.end_sessions("lost phone")
    for token, queries in ((None, 0), ("nonsense", 0), (f"{as_pat.token}x", 0), (as_pat.token, 1)):
        with django_assert_num_queries(queries):
            Api(token).get(ASSIGNMENTS)
