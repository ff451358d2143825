"""Does time tell who exists? Refused sign-ins of five kinds, in random order, over real HTTP.

    .venv/bin/python -m pytest -q -s tests/benchmarks/sign_in_times.py

`TRIES` (environment, default 200) of each kind at each route, every one with an account of its own, so that none is
throttled. *Slower* is how often a try takes longer than one for an unknown name: 0.5 where time tells nothing, 0 or 1
where it tells everything (Mann and Whitney's U over the number of pairs); `z` is its distance from 0.5 in standard
deviations.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password

from tests.support.api.client import PASSWORD
from tests.support.oauth.code_flow import PARTNER, login_form, register
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_hashing")]
TRIES = int(os.environ.get("TRIES", "200"))
PATHS = ("/authorize", "/token")
UNKNOWN = "unknown name"
#: Kind of account → its columns, and the password that is tried.
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "wrong password": ({}, "wrong-Horse-7!"),
    "blocked": ({"status": User.Status.BLOCKED}, PASSWORD),
    "deleted": ({"status": User.Status.DELETED}, PASSWORD),
    "no password yet": ({"password": make_password(None)}, PASSWORD),
}
#: How far from 0.5 chance alone may go: more than three standard deviations of 200 tries.
MOST = 0.1


def test_time_does_not_disclose_who_exists(live_url: str, password_hash: str) -> None:
    register("app", is_confidential=False)
    tries = [*_accounts(password_hash)]
    taken: dict[tuple[str, str], list[float]] = {}
    with httpx.Client(base_url=live_url, timeout=60) as client:
        for number in range(20):
            _seconds(client, PATHS[0], f"warming.up{number}@example.test", PASSWORD)
        for kind, path, name, password in random.sample(tries, len(tries)):
            taken.setdefault((path, kind), []).append(_seconds(client, path, name, password))
    for path in PATHS:
        _report(path, {kind: times for (at, kind), times in taken.items() if at == path})
        for kind in KINDS:
            assert abs(slower(taken[path, kind], taken[path, UNKNOWN]) - 0.5) < MOST, (path, kind)


def _accounts(password_hash: str) -> Iterable[tuple[str, str, str, str]]:
    """Kind, path, name and password of every try; makes the accounts."""
    for path in PATHS:
        place = path[1:]
        yield from ((UNKNOWN, path, f"nobody{n}@{place}.test", PASSWORD) for n in range(TRIES))
        for number, (kind, (columns, password)) in enumerate(KINDS.items()):
            names = [f"kind{number}n{n}@{place}.test" for n in range(TRIES)]
            named = {"first_name": "Kim", "last_name": "Keeper", "password": password_hash} | columns
            User.objects.bulk_create(User(email=name, **named) for name in names)
            yield from ((kind, path, name, password) for name in names)


def _seconds(client: httpx.Client, path: str, name: str, password: str) -> float:
    form = login_form(name, client_id="app", redirect_uri=PARTNER, password=password) | {"grant_type": "password"}
    begun = time.perf_counter()
    answer = client.post(path, data=form)
    taken = time.perf_counter() - begun
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), answer.text
    return taken


def slower(times: list[float], others: list[float]) -> float:
    """The share of pairs in which the first takes longer; ties count half."""
    above = sum((mine > theirs) + (mine == theirs) / 2 for mine in times for theirs in others)
    return above / (len(times) * len(others))


def _report(path: str, taken: dict[str, list[float]]) -> None:
    spread = ((2 * TRIES + 1) / (12 * TRIES * TRIES)) ** 0.5
    print(f"\n{path}, {TRIES} tries of each kind")
    for kind in (UNKNOWN, *KINDS):
        low, median, high = (f"{1000 * value:.1f}" for value in statistics.quantiles(taken[kind], n=4))
        share = slower(taken[kind], taken[UNKNOWN])
        print(f"  {kind:15} median {median} ms, quartiles {low} and {high} ms", end="")
        print(f", slower {share:.3f} (z {(share - 0.5) / spread:+.1f})" if kind != UNKNOWN else "")
