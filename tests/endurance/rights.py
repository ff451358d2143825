"""Does time tell a warehouse user which rows there are? Other people's ids and ids of nothing, in random order.

Over real HTTP, on one connection, each id asked for once. *Slower* is how often an answer about a foreign row takes
longer than one about a missing row: 0.5 where time tells nothing, 0 or 1 where it tells everything (Mann and Whitney's
U over the number of pairs); `z` is its distance from 0.5 in standard deviations.
"""

from __future__ import annotations

import gc
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
from tests.support.servers.live import live_server, production_environment  # noqa: E402
from users.models import User  # noqa: E402
from warehouses.models import Warehouse  # noqa: E402

#: Of foreign and of missing ids, for each question.
TRIES = 1_000
PEOPLE, PLACES = 5_000, 1_100
#: How far *slower* may be from 0.5: five standard deviations of so many tries.
MOST = 0.065
ME = "pat.picker@example.test"
TYPE = "warehouse-user-assignments"
ACTIVATE = b'{"data":{"attributes":{"isActive":true}}}'

Ask = Callable[[httpx.Client, str], httpx.Response]
#: Question → how it is asked about an id, of which kind, and the status of its answers.
QUESTIONS: dict[str, tuple[str, int, Ask]] = {
    "read an assignment": ("rows", 404, lambda client, one: client.get(f"{ASSIGNMENTS}/{one}")),
    "switch an assignment": (
        "rows", 404, lambda client, one: client.patch(f"{ASSIGNMENTS}/{one}", content=ACTIVATE)
    ),
    "delete an assignment": ("rows", 403, lambda client, one: client.delete(f"{ASSIGNMENTS}/{one}")),
    "read a person": ("people", 404, lambda client, one: client.get(f"/users/{one}")),
    "read a warehouse": ("places", 404, lambda client, one: client.get(f"/warehouses/{one}")),
    "filter by assignment": (
        "rows", 200, lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.uuid]={one}")
    ),
    "filter by person": (
        "people", 200, lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.userUuid]={one}")
    ),
    "filter by warehouse": (
        "places", 200, lambda client, one: client.get(f"{ASSIGNMENTS}?filter[{TYPE}.warehouseUuid]={one}")
    ),
}  # fmt: skip


def run() -> None:
    with _database(), tempfile.TemporaryDirectory() as folder:
        ids = _crowd()
        token = sign_in(ME)["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON_API}
        with (
            live_server(production_environment() | {"WORKERS": "1"}, Path(folder) / "log") as url,
            httpx.Client(base_url=url, headers=headers, timeout=60) as client,
        ):
            rows = [_compared(client, question, ids) for question in QUESTIONS]
    write(
        RIGHTS,
        f"{TRIES:,} foreign and {TRIES:,} missing ids for each question of a warehouse user, in random order, among "
        f"{PEOPLE * 2:,} assignments.",
        table(("Question", "Foreign ms", "Missing ms", "Slower", "z"), rows),
        f"*Slower* must be within {MOST} of 0.5.",
    )
    for question, _, _, share, _ in rows:
        assert abs(float(share) - 0.5) < MOST, f"time tells which ids exist: {question}, {share}"


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
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    foreign: dict[str, Any] = {"rows": rows.exclude(user=me), "people": people, "places": places[1:]}
    return {kind: random.sample([str(one.uuid) for one in found], TRIES) for kind, found in foreign.items()}


def _compared(client: httpx.Client, question: str, ids: dict[str, list[str]]) -> tuple[str, ...]:
    kind, status, ask = QUESTIONS[question]
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
