"""At least 100,000 requests made from our own OpenAPI document, and thousands of steps held against a model.

Over HTTP against `manage.py serve`, with seeds that are new each time and printed: `FUZZ_SEED=… make endurance
PARTS=fuzz` repeats what was generated. No 5xx, no answer outside the document, and the rule holds afterwards.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # a database of its own, gone afterwards
django.setup()

import httpx  # noqa: E402 (the models need the settings above)
import hypothesis  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402

from assignments.models import WarehouseUserAssignment  # noqa: E402
from config.database.periods import database_now  # noqa: E402
from tests.benchmarks.report import table  # noqa: E402
from tests.endurance.report import FUZZ, write  # noqa: E402
from tests.support.api.client import PASSWORD  # noqa: E402
from tests.support.fuzzing.api import Caller, Known, Tally, fuzz, unanswered  # noqa: E402
from tests.support.oauth.held_tokens import service  # noqa: E402
from tests.support.servers.live import database_url, live_server, production_environment  # noqa: E402
from tests.support.state_machine.machine import MUST_BE_SEEN, World  # noqa: E402
from users.models import User  # noqa: E402
from warehouses.models import Warehouse  # noqa: E402

#: Generated cases for each operation in one round.
CASES = 720
#: One round each; who may do more has more to try.
ROUNDS = (
    *("Back Office user", "warehouse user", "confidential client", "Back Office user", "warehouse user"),
    *("warehouse token", "Back Office user", "nobody"),
)
AT_LEAST = 100_000
#: As many rounds at once: Schemathesis and the server share the processor.
AT_ONCE = 2
EXAMPLES, STEPS = 100, 50


def run() -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.SystemRandom().getrandbits(32)))
    print(f"FUZZ_SEED={seed}", flush=True)
    with _database():
        with _server() as url:
            told = _fuzz(url, seed)
        with _server(REFRESH_GRACE_SECONDS="3600") as url:  # so that the pace of a busy machine decides nothing
            told += _run_the_machine(url, seed)
    write(FUZZ, f"`FUZZ_SEED={seed}`", *told)


@contextmanager
def _database() -> Iterator[None]:
    old = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(old, verbosity=0)


@contextmanager
def _server(**settings: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        environment = production_environment() | {"WORKERS": "2"} | settings
        with live_server(environment, Path(folder) / "serve.log") as url:
            yield url


# --- Schemathesis -----------------------------------------------------------------------------------------------
def _fuzz(url: str, seed: int) -> list[str]:
    document = httpx.get(f"{url}/schema?format=json").json()
    started = time.monotonic()
    prepared = [(name, _known(number)) for number, name in enumerate(ROUNDS)]
    shared = patch.dict(os.environ, DATABASE_URL=database_url())  # else each process starts a PostgreSQL
    with shared, ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        rounds = [
            pool.submit(_round, document, _caller(url, name, number), known, seed + number, url)
            for number, (name, known) in enumerate(prepared)
        ]
        found = [one.result() for one in rounds]
    tallies: dict[str, Tally] = {name: Tally() for name in dict.fromkeys(ROUNDS)}
    unmet = []
    for number, (name, tally) in enumerate(zip(ROUNDS, found, strict=True), 1):
        unmet += [f"round {number}, {name}: {one}" for one in unanswered(name, tally)]
        tallies[name] += tally
    _judge(tallies)
    assert not unmet, "not answered as they must be, to the end:\n" + "\n".join(unmet)
    return _told(tallies, time.monotonic() - started)


def _round(document: dict[str, Any], caller: Caller, known: Known, seed: int, url: str) -> Tally:
    started = time.monotonic()
    tally = fuzz(document, caller, known, cases=CASES, seed=seed, base_url=url)
    print(
        f"{caller.name}: {sum(tally.cases.values()):,} cases in {time.monotonic() - started:.0f} s, "
        f"{len(tally.problems)} problems",
        *tally.problems[:5],
        sep="\n",
        flush=True,
    )
    return tally


def _known(number: int) -> Known:
    """A hundred assignments of ten people, and thirty people without any, whom no other round changes."""
    people = [_person(f"worker.{letter}{number}", is_warehouse_user=True) for letter in "abcdefghij"]
    places = [Warehouse.objects.create(name=f"Dock {number}.{count}", is_active=count != 9) for count in range(10)]
    rows = [
        WarehouseUserAssignment.objects.assign(
            user_uuid=str(person.uuid), warehouse_uuid=str(place.uuid), is_active=place is places[0]
        )
        for person in people
        for place in places
    ]
    newcomers = [_person(f"newcomer.{count}.{number}", is_warehouse_user=True) for count in range(30)]
    return Known(*([str(one.uuid) for one in those] for those in (rows, people, places, people + newcomers)))


def _person(name: str, **fields: Any) -> User:
    return User.objects.create_user(f"{name}@fuzz.test", PASSWORD, first_name=name, last_name="Test", **fields)


def _caller(url: str, kind: str, number: int) -> Caller:
    if kind == "nobody":
        return Caller(kind)
    if kind == "confidential client":
        return Caller.with_secret(kind, *service(f"client-{number}").values())
    if kind == "Back Office user":
        return Caller.with_token(kind, _signed_in(url, _person(f"office{number}").email))
    token = _signed_in(url, f"worker.a{number}@fuzz.test")
    if kind == "warehouse token":
        answer = httpx.post(f"{url}/warehouse-tokens", headers={"Authorization": f"Bearer {token}"})
        token = answer.json()[0]["accessToken"]
    return Caller.with_token(kind, token)


def _signed_in(url: str, email: str) -> str:
    body = {"grant_type": "password", "username": email, "password": PASSWORD}
    return str(httpx.post(f"{url}/token", data=body).json()["access_token"])


def _judge(tallies: dict[str, Tally]) -> None:
    problems = [problem for tally in tallies.values() for problem in tally.problems]
    assert not problems, f"{len(problems)} problems, of which the first:\n" + "\n".join(problems[:20])
    cases = sum(sum(tally.cases.values()) for tally in tallies.values())
    assert cases >= AT_LEAST, f"only {cases:,} cases"
    assert WarehouseUserAssignment.objects.exists(), "the database was emptied"
    standing = Count("assignments", filter=Q(assignments__is_active=True))
    assert not User.objects.annotate(standing=standing).filter(standing__gt=1).exists(), "somebody stands in two"


def _told(tallies: dict[str, Tally], seconds: float) -> list[str]:
    cases = sum(sum(tally.cases.values()) for tally in tallies.values())
    statuses = sorted(set().union(*(tally.statuses for tally in tallies.values())))
    operations = sorted(set().union(*(tally.cases for tally in tallies.values())))
    return [
        f"Schemathesis sent {cases:,} requests in {seconds:.0f} s: {cases / seconds:.0f} a second, {AT_ONCE} at once. "
        "Every check passed, no answer was a 5xx but 501 for `OPTIONS`, and nobody stands in two warehouses.",
        table(
            ["Caller", "Requests", *map(str, statuses)],
            [
                [name, sum(tally.cases.values()), *(tally.statuses[status] for status in statuses)]
                for name, tally in tallies.items()
            ],
        ),
        table(
            ["Operation", *tallies],
            [[operation, *(tally.cases[operation] for tally in tallies.values())] for operation in operations],
        ),
    ]


# --- The state machine ------------------------------------------------------------------------------------------
def _run_the_machine(url: str, seed: int) -> list[str]:
    client = httpx.Client(base_url=url, timeout=30)

    class Site(World):
        def __init__(self) -> None:
            self.beginning = database_now()
            super().__init__()

        def let_time_pass(self, hours: int) -> None:
            """Not here: the whole run takes less than an hour of the model's."""

        def send(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.request(method, path, headers=headers, json=body)
            return answer.status_code, answer.json() if answer.content else None

    Site.service = service("machine")
    bounds = hypothesis.settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    WarehouseUserAssignment.objects.all().delete()  # the model begins with none
    started = time.monotonic()
    hypothesis.seed(seed)(Site)
    with client:
        run_state_machine_as_test(Site, settings=bounds)
    return _told_of_steps(Site.steps, Site.answers, time.monotonic() - started)


def _told_of_steps(steps: int, answers: Counter[tuple[str, int]], seconds: float) -> list[str]:
    assert steps >= EXAMPLES * STEPS / 2, f"only {steps:,} steps"
    assert set(answers) >= MUST_BE_SEEN, f"never seen: {MUST_BE_SEEN - set(answers)}"
    statuses = sorted({status for _name, status in answers})
    return [
        f"The API and the model agreed after each of {steps:,} steps ({sum(answers.values()):,} requests, "
        f"{seconds:.0f} s).",
        table(
            ["Operation", *map(str, statuses)],
            [
                [name, *(answers[name, status] for status in statuses)]
                for name in sorted({name for name, _status in answers})
            ],
        ),
    ]
