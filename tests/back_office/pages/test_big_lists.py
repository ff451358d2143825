"""No list of the Back Office reads all people, sessions, assignments or changes to show a page of them.

Among 4,000 people each page is opened, and PostgreSQL asked how many rows it looked at for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.models import WarehouseUserAssignment
from users.models import User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

PEOPLE = 4_000
#: As many as are counted in this test, instead of 5,000; a page has 50.
COUNTED = 100
#: What one step of a plan may look at: what is counted, by each of a person's three names and twice over.
MOST_ROWS = 6 * (COUNTED + 1)

USERS, SESSIONS = "/admin/users/user/", "/admin/users/session/"
ASSIGNMENTS = "/admin/assignments/warehouseuserassignment/"
PICK = "/admin/autocomplete/?app_label=users&model_name=session&field_name=user&term="


@pytest.fixture
def crowd(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """People called alike in 100 warehouses, each signed in once; three in ten have no warehouse."""
    monkeypatch.setattr("config.back_office.lists.paging.CappedPaginator.MAX_ROWS", COUNTED)
    monkeypatch.setattr("assignments.admin.warehouse_picker.PeoplePicker.max_rows", COUNTED)
    call_command("demo", users=PEOPLE, warehouses=100, assignments=2 * PEOPLE, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS)
        cursor.execute(_SOME_LOSE_ALL)
        cursor.execute(_SOME_ARE_LOCKED_OUT)
        cursor.execute(_SOME_HAVE_PERIODS)
        cursor.execute(_SOME_LEAVE)
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")  # of 4,000 rows, to read all is sometimes the quickest
        cursor.execute("SET LOCAL enable_material = off")  # and so is comparing with all forty of a warehouse


_SESSIONS = """
    INSERT INTO users_session (id, created_at, expires_at, refresh_digest, retry_used, client_id, requested_scope,
                               user_agent, last_used_at, end_reason, user_id)
    SELECT gen_random_uuid(), now() - id * interval '1 minute', now() + interval '1 day', gen_random_uuid(), false,
           'frontend', '', '', now(), '', id FROM users_user
"""
_SOME_LOSE_ALL = f"""
    DELETE FROM {WarehouseUserAssignment._meta.db_table} USING users_user
    WHERE user_id = users_user.id AND email ~ '[048]@'
"""
_SOME_ARE_LOCKED_OUT = """
    INSERT INTO axes_accessfailurelog (username, ip_address, user_agent, http_accept, path_info, attempt_time,
                                       locked_out)
    SELECT email, '192.0.2.7', '', '', '/token', now(), true FROM users_user WHERE id % 10 = 0
"""
#: Of a hundred people, the employment of one has ended, and that of one ends soon.
_SOME_LEAVE = """
    UPDATE users_user SET employed_until = now() + CASE id % 100 WHEN 7 THEN -1 ELSE 1 END * interval '3 days'
    WHERE id % 100 IN (7, 8) AND is_warehouse_user
"""
#: Of a hundred people, the assignments of two end soon, those of one begin later, and those of 48 are over.
_SOME_HAVE_PERIODS = f"""
    UPDATE {WarehouseUserAssignment._meta.db_table} SET
        starts_at = CASE WHEN user_id % 100 = 2 THEN now() + interval '9 days' END,
        ends_at = CASE WHEN user_id % 100 < 2 THEN now() + interval '3 days'
            WHEN user_id % 100 > 2 THEN now() - interval '3 days' END
    WHERE user_id % 2 = 0 OR user_id % 100 < 3
"""


def paths() -> Iterator[str]:
    person = User.objects.get(email="picker.0002001@example.test")
    place = Warehouse.objects.get(name="Warehouse 00050")
    yield from (f"{USERS}{query}" for query in _queries("?o=-1", "?o=2", "?o=-4", "?o=5"))
    yield from (f"{USERS}?{filters}" for filters in _FILTERS)
    yield from (f"{USERS}?{filters}={place.pk}" for filters in ("assigned", "working", "q=picker&assigned"))
    yield from (f"{SESSIONS}{query}" for query in _queries("?state=live", f"?user={person.pk}", "?state=live&q=picker"))
    yield from (f"{ASSIGNMENTS}{query}" for query in ("", "?q=picker.000200", "?q=nobody", "?is_active__exact=0"))
    yield from (f"{ASSIGNMENTS}?period={chosen}" for chosen in ("current", "later", "over", "ending", "not-over"))
    yield from (f"{PICK}{text}" for text in ("", "picker", "picker.002", "picker no.", "nobody"))
    for words in ("", "picker", "picker.002", "picker no.", "nobody"):
        for sort in ("id", "-name"):
            yield f"{ASSIGNMENTS}warehouse/{place.uuid}/rows/?search={words}&sort={sort}"
    yield from (f"{ASSIGNMENTS}user/{person.uuid}/", f"{ASSIGNMENTS}warehouse/{place.uuid}/")
    yield from (f"{USERS}{person.pk}/change/", f"{USERS}{person.pk}/history/", "/admin/history/?actor=database")


def _queries(*more: str) -> tuple[str, ...]:
    searches = ("picker", "picker.002", "picker.0002001", "picker no.", "nobody", "picker nobody")
    return ("", "?p=2", *(f"?q={text}" for text in searches), *more)


_FILTERS = (
    "status=blocked",
    "kind=office",
    "missing=sign-in",
    "missing=warehouse",
    "missing=warehouse&o=-1",
    "missing=warehouse&status=blocked",
    "missing=warehouse&q=picker.002",
    "employment=ending",
    "employment=ended",
    "sign-in=locked",
    "sign-in=locked&o=2",
)


def test_no_page_looks_at_many_more_rows_than_it_counts(crowd: None, as_ada: Client) -> None:
    looked_at = {path: _rows_looked_at(as_ada, path) for path in paths()}
    assert {path: rows for path, rows in looked_at.items() if rows > MOST_ROWS} == {}


def _rows_looked_at(browser: Client, path: str) -> int:
    """Of the greediest step in the plans of what this page asks."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    texts = [query["sql"] for query in queries if query["sql"].lstrip("(").startswith("SELECT")]
    return max(rows for text in texts for rows in _steps(_plan(text)))


def _plan(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    plan = answer if isinstance(answer, list) else json.loads(answer)
    return dict(plan[0]["Plan"])


def _steps(step: dict[str, Any]) -> Iterator[int]:
    rows = step["Actual Rows"] + step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Join Filter", 0)
    yield round(rows * step["Actual Loops"])
    for part in step.get("Plans", []):
        yield from _steps(part)
