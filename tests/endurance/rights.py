"""Does time tell a warehouse user, or a confined site manager, which rows there are?

Ids of rows that are not theirs and ids of nothing, in random order.

Over real HTTP, on one connection, each id asked for once. *Slower* is how often an answer about a foreign row takes
longer than one about a missing row: 0.5 where time tells nothing, 0 or 1 where it tells everything (Mann and Whitney's
U over the number of pairs); `z` is its distance from 0.5 in standard deviations.
"""

from __future__ import annotations

import gc
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # a database of its own, gone afterwards
os.environ["LOG_LEVEL"] = "WARNING"  # no line for each request
django.setup()

import httpx  # noqa: E402 (the models need the settings above)
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from assignments.models import WarehouseUserAssignment  # noqa: E402
from tests.benchmarks.report import table  # noqa: E402
from tests.benchmarks.sign_in_times import slower  # noqa: E402
from tests.endurance.report import RIGHTS, write  # noqa: E402
from tests.support.api.client import ASSIGNMENTS, JSON_API, sign_in  # noqa: E402
from tests.support.confinement import confined  # noqa: E402
from tests.support.servers.live import live_server, production_environment  # noqa: E402
from users import roles  # noqa: E402
from users.models import User  # noqa: E402
from warehouses.models import Warehouse  # noqa: E402

#: Of foreign and of missing ids, for each question.
TRIES = 1_000
PEOPLE, PLACES = 5_000, 1_100
#: How far *slower* may be from 0.5: five standard deviations of so many tries.
MOST = 0.065
#: Whose row, or whose warehouse, is in the middle of the others'.
CALLERS = {"warehouse user": "pat.picker@example.test", "site manager": "cora.confined@example.test"}
ME, MANAGER = CALLERS.values()
TYPE = "warehouse-user-assignments"
ACTIVATE = b'{"data":{"attributes":{"isActive":true}}}'

Ask = Callable[[httpx.Client, str], httpx.Response]
#: Question → the kind of id that it is asked about, the statuses of its answers to each caller, and how it is asked.
QUESTIONS: dict[str, tuple[str, tuple[int, int], Ask]] = {
    "read an assignment": ("rows", (404, 404), lambda client, one: client.get(f"{ASSIGNMENTS}/{one}")),
    "switch an assignment": (
        "rows", (404, 404), lambda client, one: client.patch(f"{ASSIGNMENTS}/{one}", content=ACTIVATE)
    ),
    "delete an assignment": ("rows", (403, 404), lambda client, one: client.delete(f"{ASSIGNMENTS}/{one}")),
    "assign a person": ("people", (403, 400), lambda client, one: _assigned(client, userUuid=one)),
    "assign a warehouse": ("places", (403, 400), lambda client, one: _assigned(client, warehouse={"uuid": one})),
    "read a person": ("people", (404, 404), lambda client, one: client.get(f"/users/{one}")),
    "read a warehouse": ("places", (404, 404), lambda client, one: client.get(f"/warehouses/{one}")),
    "filter by assignment": (
        "rows", (200, 200), lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.uuid]={one}")
    ),
    "filter by person": (
        "people", (200, 200), lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.userUuid]={one}")
    ),
    "filter by warehouse": (
        "places", (200, 200), lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.warehouseUuid]={one}")
    ),
}  # fmt: skip


def _assigned(client: httpx.Client, **attributes: Any) -> httpx.Response:
    sent = {"userUuid": str(uuid4()), "warehouse": {"uuid": str(uuid4())}} | attributes
    return client.post(ASSIGNMENTS, content=json.dumps({"data": {"type": TYPE, "attributes": sent}}))


def run() -> None:
    with _database(), tempfile.TemporaryDirectory() as folder:
        ids = _crowd()
        with live_server(production_environment() | {"WORKERS": "1"}, Path(folder) / "log") as url:
            rows = [
                (caller, *_compared(client, question, ids, number))
                for number, (caller, email) in enumerate(CALLERS.items())
                for client in [_client(url, email)]
                for question in QUESTIONS
            ]
    write(
        RIGHTS,
        f"{TRIES:,} foreign and {TRIES:,} missing ids for each question of a warehouse user, and of a site manager "
        f"confined to one of {PLACES:,} warehouses, in random order, among {PEOPLE * 2:,} assignments.",
        table(("Caller", "Question", "Foreign ms", "Missing ms", "Slower", "z"), rows),
        f"*Slower* must be within {MOST} of 0.5.",
    )
    for caller, question, _, _, share, _ in rows:
        assert abs(float(share) - 0.5) < MOST, f"time tells a {caller} which ids exist: {question}, {share}"


def _client(url: str, email: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {sign_in(email)['access_token']}", "Content-Type": JSON_API}
    return httpx.Client(base_url=url, headers=headers, timeout=60)


@contextmanager
def _database() -> Iterator[None]:
    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


def _crowd() -> dict[str, list[str]]:
    """Many people with two warehouses each, and one with one; the ids of what is not that one's, by kind."""
    places = Warehouse.objects.bulk_create(Warehouse(name=f"Hall {n}") for n in range(PLACES))
    named = {"last_name": "Other", "is_warehouse_user": True, "password": make_password(None)}
    people = User.objects.bulk_create(
        User(email=f"o{n}@example.test", first_name=f"O{n}", **named) for n in range(PEOPLE)
    )
    rows = WarehouseUserAssignment.objects
    rows.set_assignments(
        add=[(one.pk, places[(n + k) % PLACES].pk) for n, one in enumerate(people) for k in (0, 1)], remove=[]
    )
    me = User.objects.create_user(ME, "correct-Horse-7!", first_name="Pat", last_name="Picker", is_warehouse_user=True)
    rows.assign(user_uuid=str(me.uuid), warehouse_uuid=str(places[0].uuid), is_active=True)
    manager = User.objects.create_user(MANAGER, "correct-Horse-7!", first_name="Cora", last_name="Confined")
    confined(manager, roles.SITE_MANAGER, places[0])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    foreign: dict[str, Any] = {
        "rows": rows.exclude(warehouse=places[0]),
        "people": User.objects.filter(is_warehouse_user=True).exclude(assignments__warehouse=places[0]),
        "places": places[1:],
    }
    return {kind: random.sample([str(one.uuid) for one in found], TRIES) for kind, found in foreign.items()}


def _compared(client: httpx.Client, question: str, ids: dict[str, list[str]], caller: int) -> tuple[str, ...]:
    kind, statuses, ask = QUESTIONS[question]
    status = statuses[caller]
    tries = [(True, one) for one in ids[kind]] + [(False, str(uuid4())) for _ in ids[kind]]
    for _ in range(50):
        _seconds(client, ask, str(uuid4()), status)
    taken: dict[bool, list[float]] = {True: [], False: []}
    gc.disable()
    for is_foreign, one in random.sample(tries, len(tries)):
        taken[is_foreign].append(_seconds(client, ask, one, status))
    gc.enable()
    share = slower(taken[True], taken[False])
    spread = ((2 * TRIES + 1) / (12 * TRIES * TRIES)) ** 0.5
    foreign, missing = (f"{1000 * statistics.median(taken[one]):.2f}" for one in (True, False))
    return question, foreign, missing, f"{share:.3f}", f"{(share - 0.5) / spread:+.1f}"


def _seconds(client: httpx.Client, ask: Ask, one: str, status: int) -> float:
    begun = time.perf_counter()
    answer = ask(client, one)
    taken = time.perf_counter() - begun
    assert answer.status_code == status, answer.text
    return taken
