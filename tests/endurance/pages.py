"""Hostile input for every page and form of the Back Office over HTTP, as each kind of caller.

Against `manage.py serve`, with a seed that is new each time and printed: `FUZZ_SEED=… make endurance PARTS=pages`
repeats what was sent. No 5xx, no traceback, no redirect to elsewhere, and what is refused changes nothing.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # a database of its own, gone afterwards
os.environ["LOG_LEVEL"] = "ERROR"  # no line for each request
django.setup()

import httpx  # noqa: E402 (the models need the settings above)
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from tests.benchmarks.report import table  # noqa: E402
from tests.endurance.report import PAGES, write  # noqa: E402
from tests.support.fuzzing import callers  # noqa: E402
from tests.support.fuzzing.pages import Answer, Request, Tally, fuzz  # noqa: E402
from tests.support.servers.live import live_server, production_environment  # noqa: E402

#: Hostile values for each parameter and field.
CASES = 3
AT_LEAST = 10_000


def run() -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.SystemRandom().getrandbits(32)))
    print(f"FUZZ_SEED={seed}", flush=True)
    started = time.monotonic()
    with _server() as url:
        tallies = {kind: _fuzz(url, kind, seed) for kind in callers.CALLERS}
    write(PAGES, f"`FUZZ_SEED={seed}`", *_told(tallies, time.monotonic() - started))
    problems = [f"{kind}: {problem}" for kind, tally in tallies.items() for problem in tally.problems]
    assert not problems, f"{len(problems)} problems, of which the first:\n" + "\n".join(problems[:20])
    sent = sum(tally.statuses.total() for tally in tallies.values())
    assert sent >= AT_LEAST, f"only {sent:,} requests"


@contextmanager
def _server() -> Iterator[str]:
    made = setup_databases(verbosity=0, interactive=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            environment = production_environment() | {"WORKERS": "2"}
            with live_server(environment, Path(folder) / "serve.log") as url:
                yield url
    finally:
        teardown_databases(made, verbosity=0)


def _fuzz(url: str, kind: str, seed: int) -> Tally:
    started = time.monotonic()
    cookies: dict[str, str] = {}

    def rows() -> dict[str, Any]:
        """Signs in again, too: an earlier request may have signed out, or changed the password."""
        person = callers.caller(kind)
        cookies.update(callers.cookies_of(person))
        return callers.rows(person)

    with httpx.Client(base_url=url, timeout=60) as browser:
        tally = fuzz(_sender(browser, cookies), rows, seed=seed, cases=CASES)
    print(f"{kind}: {tally.statuses.total():,} requests in {time.monotonic() - started:.0f} s", flush=True)
    print(*tally.problems[:5], sep="\n", end="", flush=True)
    return tally


def _sender(browser: httpx.Client, cookies: dict[str, str]) -> Callable[[Request], Answer]:
    """Sends these cookies, and none that an answer sets."""

    def send(request: Request) -> Answer:
        browser.cookies.clear()
        ours = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"],
            "Content-Type": request.content_type,
        }
        sent = {name.encode(): value.encode("latin-1") for name, value in (ours | request.headers).items()}
        answer = browser.request(request.method, request.path, content=request.body, headers=sent)
        found = answer.headers
        return Answer(answer.status_code, found.get("Content-Type", ""), found.get("Location", ""), answer.text)

    return send


def _told(tallies: dict[str, Tally], seconds: float) -> list[str]:
    sent: Counter[int] = sum((tally.statuses for tally in tallies.values()), Counter())
    statuses = sorted(sent)
    return [
        f"{sent.total():,} requests in {seconds:.0f} s, with hostile addresses, queries, headers, cookies, bodies and "
        "fields. No answer was a 5xx or showed a traceback, and what was refused changed nothing.",
        table(
            ["Caller", "Requests", "Pages shown", "Forms", *map(str, statuses)],
            [
                [
                    *(kind, tally.statuses.total(), len(tally.shown), len(tally.accepted | set(tally.forms))),
                    *(tally.statuses[status] for status in statuses),
                ]
                for kind, tally in tallies.items()
            ],
        ),
    ]
