"""`python -m tests.benchmarks.confined`: lists and searches of confined site managers among a million people.

Managers of 3 and of 500 of 5,000 warehouses, without an end, until one day, or each until one of fifty, ask for pages
and for the API in this process: the median of the times, and the slowest plans. The bound of each median is `MOST`
milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # a database of its own, gone afterwards
os.environ["LOG_LEVEL"] = "WARNING"  # no line for each request
django.setup()

from django.test import Client  # noqa: E402 (the models need the settings above)
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from assignments.models import ManagedWarehouse  # noqa: E402
from config.database.periods import Period  # noqa: E402
from tests.benchmarks import report  # noqa: E402
from tests.benchmarks.large import fill, times  # noqa: E402
from tests.support.api.client import ASSIGNMENTS, Api, sign_in  # noqa: E402
from tests.support.back_office.staff import member, signed_in  # noqa: E402
from users import roles  # noqa: E402
from users.models import User  # noqa: E402
from warehouses.models import Warehouse  # noqa: E402

PEOPLE, WAREHOUSES, EACH = int(os.environ.get("CONFINED_PEOPLE", "1_000_000")), 5_000, 3
#: How many warehouses each manager has, and until when they manage each of them: in how many days, from today on.
MANAGED = ((3, ()), (500, ()), (500, (30,)), (500, range(1, 51)))
MOST = 300

_USERS, _ROWS, _PLACES = (
    "/admin/users/user/",
    "/admin/assignments/warehouseuserassignment/",
    "/admin/warehouses/warehouse/",
)
#: What is asked for. `{last}` is a last name of somebody there, `{place}` a warehouse, `{person}` a person there.
PAGES = {
    "people": _USERS,
    "people by last name": f"{_USERS}?o=2",
    "people by last login": f"{_USERS}?o=-7",
    "people, search": f"{_USERS}?q={{last}}",
    "people, search for nobody there": f"{_USERS}?q=nobody.atall",
    "people, search for what many are called": f"{_USERS}?q=person",
    "people who work now": f"{_USERS}?missing=warehouse",
    "a person": f"{_USERS}{{person}}/view/",
    "warehouses": _PLACES,
    "warehouses, search": f"{_PLACES}?q=hall 1",
    "assignments": _ROWS,
    "assignments, working now": f"{_ROWS}?is_active__exact=1",
    "assignments of a warehouse": f"{_ROWS}?warehouse__id__exact={{place}}",
    "assignments, search": f"{_ROWS}?q={{last}}",
    "sessions": "/admin/users/session/",
    "history": "/admin/history/",
    "dashboard": "/admin/",
    "roster of a warehouse": f"{_ROWS}roster/?warehouse={{place}}",
}
CALLS = {
    "API: assignments": f"{ASSIGNMENTS}?page[limit]=100",
    "API: assignments, sorted": f"{ASSIGNMENTS}?sort=-updatedAt&page[limit]=100",
    "API: people": "/users?page[limit]=100",
    "API: warehouses": "/warehouses?page[total]=true&page[limit]=100",
}
#: The assignments are written without triggers, which would take an hour, then what these would have written.
FILL = (
    "INSERT INTO warehouses_warehouse (name) SELECT 'Hall ' || n FROM generate_series(1, {warehouses}) AS n",
    "INSERT INTO users_user (email, first_name, last_name, password, is_warehouse_user) "
    "SELECT 'person.' || n || '@example.test', 'First' || n % 1000, 'Last' || n % 50000, '!', true "
    "FROM generate_series(1, {people}) AS n",
    "SET session_replication_role = replica",
    "INSERT INTO assignments_warehouseuserassignment (user_id, warehouse_id, is_active, activation) "
    "SELECT id, (SELECT min(id) FROM warehouses_warehouse) + (id * 7 + k * 1009) % {warehouses}, k = 0, 1 "
    "FROM users_user, generate_series(0, {each} - 1) AS k WHERE is_warehouse_user",
    "UPDATE users_user SET has_warehouse = true WHERE is_warehouse_user",
    "INSERT INTO assignments_warehouseuserassignmentevent "
    "(pgh_created_at, pgh_label, pgh_obj_id, id, uuid, user_id, warehouse_id, is_active, activation) "
    "SELECT created_at, 'insert', id, id, uuid, user_id, warehouse_id, is_active, activation "
    "FROM assignments_warehouseuserassignment",
    "SET session_replication_role = DEFAULT",
    "INSERT INTO users_session (id, user_id, client_id, refresh_digest, created_at, expires_at) "
    "SELECT gen_random_uuid(), id, 'frontend', id::text, now() - id % 1000 * interval '1 minute', now() + '1 day' "
    "FROM users_user WHERE id % 5 = 0",
)


def run() -> None:
    made = setup_databases(verbosity=0, interactive=False)
    try:
        fill(FILL, people=PEOPLE, warehouses=WAREHOUSES, each=EACH)
        rows = [row for number, ends in MANAGED for row in _measured(_manager(number, ends), number)]
    finally:
        teardown_databases(made, verbosity=0)
    print(report.table(("Warehouses", "Question", "Median ms", "Slowest ms", "Queries"), rows))
    slow = [row for row in rows if float(row[2]) > MOST or not row[3]]
    sys.exit(f"more than {MOST} ms: {slow}" if slow else 0)


def _manager(number: int, ends: Sequence[int]) -> User:
    """With `ends`, others manage their warehouses for longer: whom they may change depends on it."""
    manager = User.objects.create_user(
        f"manager.{number}.{len(ends)}@example.test",
        "correct-Horse-7!",
        first_name="Mia",
        last_name="Manager",
        is_confined=True,
    )
    halls = list(Warehouse.objects.order_by("pk")[: number * 10 : 10])
    ManagedWarehouse.objects.set_for(member(manager, roles.SITE_MANAGER), add=halls, remove=[])
    for place, days in enumerate(ends):
        period = Period(None, timezone.now() + timedelta(days=days))
        ManagedWarehouse.objects.set_for(manager, add=halls[place :: len(ends)], remove=[], period=period)
    return manager


def _measured(manager: User, number: int) -> Iterator[tuple[str, ...]]:
    browser, api = signed_in(manager), Api(sign_in(manager.email)["access_token"])
    place = ManagedWarehouse.objects.filter(user=manager).values_list("warehouse_id", flat=True)[1]
    person = User.objects.filter(assignments__warehouse=place).first()
    assert person is not None
    named = {"place": place, "person": person.pk, "last": person.last_name}
    asked: dict[str, Callable[[], Any]] = {name: _page(browser, path.format(**named)) for name, path in PAGES.items()}
    asked |= {name: _call(api, path) for name, path in CALLS.items()}
    kind = f"{number}, {len({*manager.managed_until.values()} - {None})} ends"
    for name, ask in asked.items():
        yield (kind, name, *times(name, ask, MOST))


def _page(browser: Client, path: str) -> Callable[[], Any]:
    return lambda: browser.get(path)


def _call(api: Api, path: str) -> Callable[[], Any]:
    return lambda: api.get(path)


if __name__ == "__main__":
    run()
