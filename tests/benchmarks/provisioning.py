"""`python -m tests.benchmarks.provisioning`: SCIM among half a million people.

Medians of single requests, a page of a hundred wherever it lies, and a run over `UNCHANGED` people as a directory makes
it when nothing has changed: it must write nothing, and no history. The bound of a page is `MOST` milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # a database of its own, gone afterwards
os.environ["LOG_LEVEL"] = "ERROR"  # no line for each request
os.environ |= {"SCIM_ENABLED": "true", "SCIM_TOKEN_SECONDS": "86400"}
django.setup()

from django.db import connection  # noqa: E402 (the models need the settings above)
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from config.history.tracking import tracked_models  # noqa: E402
from tests.benchmarks import report  # noqa: E402
from tests.benchmarks.large import fill, times  # noqa: E402
from tests.support.scim.directory import Directory, register  # noqa: E402

PEOPLE = int(os.environ.get("SCIM_PEOPLE", "500_000"))
UNCHANGED = int(os.environ.get("SCIM_UNCHANGED", "100_000"))
WAREHOUSES, PAGE, BULK, MOST = 500, 100, 100, 100
#: Without triggers: what they would write is not asked for here.
FILL = (
    "SET session_replication_role = replica",
    "INSERT INTO warehouses_warehouse (name) SELECT 'Hall ' || n FROM generate_series(1, {warehouses}) AS n",
    "INSERT INTO users_user (email, first_name, last_name, password, is_warehouse_user, has_warehouse) "
    "SELECT 'person.' || n || '@example.test', 'First' || n % 1000, 'Last' || n % 50000, '!', true, true "
    "FROM generate_series(1, {people}) AS n",
    "INSERT INTO users_directoryentry (user_id, user_name, external_id) "
    "SELECT id, email, 'e-' || id FROM users_user WHERE is_warehouse_user",
    "INSERT INTO assignments_warehouseuserassignment (user_id, warehouse_id, is_active, activation) "
    "SELECT id, (SELECT min(id) FROM warehouses_warehouse) + (id * 7 + k * 101) % {warehouses}, k = 0, 1 "
    "FROM users_user, generate_series(0, 1) AS k WHERE is_warehouse_user",
    "SET session_replication_role = DEFAULT",
)


def run() -> None:
    made = setup_databases(verbosity=0, interactive=False)
    try:
        fill(FILL, people=PEOPLE, warehouses=WAREHOUSES)
        directory = Directory(*register())
        rows = list(_measured(directory))
        print(report.table(("Request", "Median ms", "Slowest ms", "Queries"), rows))
        written, seconds = _unchanged(directory)
    finally:
        teardown_databases(made, verbosity=0)
    print(f"{UNCHANGED} unchanged people in {seconds:.0f} s: something was written in {written} tables")
    slow = [row for row in rows if row[0].startswith("page") and float(row[1]) > MOST]
    sys.exit(f"more than {MOST} ms, or written: {slow} {written}" if slow or written else 0)


def _measured(directory: Directory) -> Iterator[tuple[str, ...]]:
    some = directory.get(f"/Users?startIndex={PEOPLE // 2}&count=1").json()["Resources"][0]
    path, name = f"/Users/{some['id']}", some["userName"]
    asked: dict[str, Callable[[], Any]] = {
        f"page at {start:,}": _get(directory, f"/Users?startIndex={start}&count={PAGE}")
        for start in (1, PEOPLE // 2, PEOPLE - PAGE)
    }
    queries = {
        "find by userName": f'userName eq "{name}"',
        "find by externalId": f'externalId eq "{some["externalId"]}"',
        "find by e-mail": f'emails[type eq "work" and value eq "{name}"]',
        "userName begins with": 'userName sw "person.4999"',
        "userName contains": 'userName co "4999"',
        "family name": 'name.familyName eq "last77"',
        "active": "active eq true",
        "inactive": "active eq false",
    }
    asked |= {words: lambda text=text: directory.search(text, PAGE) for words, text in queries.items()}  # type: ignore[misc]
    orders = ("userName", "name.familyName", "id")
    asked |= {
        f"page by {one}": _get(directory, f"/Users?sortBy={one}&count={PAGE}") for one in orders if one != "userName"
    }
    asked |= {"sorted by userName": _get(directory, f"/Users?sortBy=userName&count={PAGE}")}
    asked |= {"one": _get(directory, path), "put, unchanged": lambda: directory.send("PUT", path, some)}
    replaced = iter(range(10_000))
    asked["patch of a name"] = lambda: directory.patch(
        path, {"op": "replace", "path": "name.givenName", "value": f"Jo{next(replaced)}"}
    )
    states = iter([False, True] * 1_000)
    asked["patch of active"] = lambda: directory.patch(path, {"op": "replace", "path": "active", "value": next(states)})
    for words, ask in asked.items():
        yield (words, *times(words, ask, MOST))


def _get(directory: Directory, path: str) -> Callable[[], Any]:
    return lambda: directory.get(path)


# --- A run without a change -----------------------------------------------------------------------------------------
def _unchanged(directory: Directory) -> tuple[int, float]:
    """Reads people a page at a time and sends each back whole, in bulk. Returns the tables written, and seconds."""
    before, begun = _rows(), time.perf_counter()
    for start in range(1, UNCHANGED, BULK):
        people = directory.get(f"/Users?startIndex={start}&count={BULK}").json()["Resources"]
        operations = [{"method": "PUT", "path": f"/Users/{one['id']}", "data": one} for one in people]
        answer = directory.bulk(operations)
        statuses = {one["status"] for one in answer.json()["Operations"]}
        assert statuses == {"200"}, answer.content[:500]
    return sum(after != then for after, then in zip(_rows(), before, strict=True)), time.perf_counter() - begun


def _rows() -> list[Any]:
    """The last event of each history, and the latest change of each table."""
    tables = [model.pgh_event_model._meta.db_table for model in tracked_models()]
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f'SELECT coalesce(max(pgh_id), 0) FROM "{table}"')
            found.append(cursor.fetchone())
        for table in ("users_user", "assignments_warehouseuserassignment", "users_directoryentry"):
            cursor.execute(f"SELECT max(updated_at), count(*) FROM {table}")
            found.append(cursor.fetchone())
    return found


if __name__ == "__main__":
    run()
