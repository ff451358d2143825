"""How late is a withdrawal noticed? Two servers, one database: one withdraws, the other is asked without a pause.

The other is asked by a token, or without one for the decision (AuthZEN).

    .venv/bin/python -m pytest -q -s tests/benchmarks/withdrawal.py

`TRIALS` (environment, default 10,000) withdrawals of six kinds in turn. A *late accept* is a call that was sent after
the withdrawal had been answered, and was accepted all the same. The *delay* is from that answer to the first refusal
on the other server, which includes the call itself.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from django.test import RequestFactory

from assignments.models import WarehouseUserAssignment
from assignments.tokens import issuing
from tests.support.api.client import ASSIGNMENTS, JSON_API
from tests.support.api.questions import ONE, question
from tests.support.oauth.held_tokens import service
from tests.support.servers.live import live_server, production_environment
from users.models import User
from users.oauth.sessions import start_session
from users.oauth.tokens import AccessToken, scopes_for

pytestmark = pytest.mark.django_db(transaction=True)
TRIALS = int(os.environ.get("TRIALS", "10000"))


class Asker(Thread):
    """Asks again and again whether a token is good, and notes when each call was sent and what came of it."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        super().__init__()
        self.ask, self.accepted = ask, Event()
        self.calls: list[tuple[float, float, bool]] = []

    def run(self) -> None:
        is_good = True
        while is_good:
            sent = time.perf_counter()
            is_good = self.ask()
            self.calls.append((sent, time.perf_counter(), is_good))
            if is_good:
                self.accepted.set()


@pytest.fixture
def servers(tmp_path: Any, django_db_setup: None) -> Iterator[list[httpx.Client]]:
    environment = production_environment() | {"WORKERS": "1"}
    with ExitStack() as stack:
        urls = [stack.enter_context(live_server(environment, tmp_path / f"{name}.log")) for name in "ab"]
        yield [stack.enter_context(httpx.Client(base_url=url, timeout=60)) for url in urls]


@dataclass
class Pair:
    """Withdraws at one server, asks at the other."""

    withdrawing: httpx.Client
    asking: httpx.Client
    row: WarehouseUserAssignment
    service: dict[str, str]

    # Ways to ask
    def calls(self, token: str) -> bool:
        answer = self.asking.get(ASSIGNMENTS, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    def introspects(self, token: str) -> bool:
        return self.asking.post("/introspect", data={"token": token, **self.service}).json()["active"]

    def evaluates(self, token: str) -> bool:
        """Of the person and the warehouse; the token is not needed."""
        asked = question(self.row.user.uuid, self.row.warehouse.uuid)
        credentials = (self.service["client_id"], self.service["client_secret"])
        answer = self.asking.post(ONE, json=asked, auth=credentials)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["decision"])

    # Ways to withdraw
    def revokes(self, token: str) -> None:
        self.withdrawing.post("/revoke", data={"token": token}).raise_for_status()

    def leaves(self, token: str) -> None:
        path, body = f"{ASSIGNMENTS}/{self.row.uuid}", {"data": {"attributes": {"isActive": False}}}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON_API}
        self.withdrawing.patch(path, json=body, headers=headers).raise_for_status()

    def blocks(self, token: str) -> None:
        User.objects.filter(pk=self.row.user_id).update(status=User.Status.BLOCKED)


KINDS = {
    "session revoked, access token used": (Pair.revokes, Pair.calls, False),
    "session revoked, access token introspected": (Pair.revokes, Pair.introspects, False),
    "assignment left, warehouse token introspected": (Pair.leaves, Pair.introspects, True),
    "user blocked with SQL, access token used": (Pair.blocks, Pair.calls, False),
    "assignment left, decision asked for": (Pair.leaves, Pair.evaluates, False),
    "user blocked with SQL, decision asked for": (Pair.blocks, Pair.evaluates, False),
}


def test_no_withdrawal_is_noticed_late(servers: list[httpx.Client], pat_north: WarehouseUserAssignment) -> None:
    pair = Pair(servers[0], servers[1], pat_north, service("picking"))
    delays: dict[str, list[float]] = {kind: [] for kind in KINDS}
    late = 0
    for trial in range(TRIALS):
        kind = list(KINDS)[trial % len(KINDS)]
        late_now, delay = _try(pair, *KINDS[kind])
        late += late_now
        delays[kind].append(delay)
    _report(delays, late)
    assert late == 0


def _try(pair: Pair, withdraw: Any, ask: Any, is_for_warehouse: bool) -> tuple[int, float]:
    """One withdrawal while somebody asks: how many late accepts, and the delay in seconds."""
    User.objects.filter(pk=pair.row.user_id).update(status=User.Status.ACTIVE)
    pair.row.activate()
    token, watched = _issued(pair.row.user_id, is_for_warehouse)
    asker = Asker(lambda: ask(pair, watched))
    asker.start()
    assert asker.accepted.wait(30), "the token was never accepted"
    withdraw(pair, token)
    answered = time.perf_counter()
    asker.join(30)
    assert not asker.is_alive(), "still accepted after 30 seconds"
    late = sum(1 for sent, _, is_good in asker.calls if is_good and sent > answered)
    return late, asker.calls[-1][1] - answered


def _issued(person: int, is_for_warehouse: bool) -> tuple[str, str]:
    """The access token of a new session, and the token to watch."""
    started = start_session(
        User.objects.get(pk=person), client_id="frontend", requested_scope="", request=RequestFactory().get("/")
    )
    assert started is not None
    session = started[0]
    token = str(AccessToken.for_session(session, scopes_for(session.user, "")))
    return token, str(issuing.issue(session)[0]) if is_for_warehouse else token


def _report(delays: dict[str, list[float]], late: int) -> None:
    every = [delay for of_kind in delays.values() for delay in of_kind]
    print(f"\n{len(every)} withdrawals, {late} late accepts, worst delay {max(every) * 1000:.1f} ms")
    for kind, of_kind in delays.items():
        median, worst = statistics.median(of_kind) * 1000, max(of_kind) * 1000
        print(f"  {kind}: median {median:.1f} ms, worst {worst:.1f} ms")
