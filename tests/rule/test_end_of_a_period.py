"""What happens over HTTP at the very moment at which an assignment ends, in real time and at two servers.

The long form has 64 clients, makes 10,000 calls after the end, and gives the two servers clocks that differ by ten
seconds (Debian's package `libfaketime`): PostgreSQL's clock decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from django.test import RequestFactory

from assignments.models import WarehouseUserAssignment
from assignments.tokens import issuing
from config.database.periods import database_now
from tests.support.api.client import ASSIGNMENTS, JSON_API
from tests.support.oauth.held_tokens import service
from tests.support.servers.live import live_server, patient_environment
from users.models import User
from users.oauth.sessions import start_session
from users.oauth.tokens import AccessToken, scopes_for
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True), pytest.mark.live]
#: Clients, and calls of each after the end.
CLIENTS, CALLS = {False: 8, True: 64}, {False: 6, True: 160}
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Call(NamedTuple):
    sent: float
    answered: float
    is_accepted: bool


class Picker:
    """Someone whose assignment ends soon: asks for tokens, has one introspected, and makes the assignment active."""

    def __init__(self, row: WarehouseUserAssignment, picking: dict[str, str]) -> None:
        request = RequestFactory().get("/")
        started = start_session(row.user, client_id="frontend", requested_scope="", request=request)
        assert started is not None
        self.row, self.picking = row, picking
        self.headers = {"Authorization": f"Bearer {AccessToken.for_session(started[0], scopes_for(row.user, ''))}"}
        self.token = str(issuing.issue(started[0])[0])
        self.ways: list[Callable[[httpx.Client], bool]] = [self.gets_a_token, self.is_vouched_for, self.makes_it_active]

    def gets_a_token(self, server: httpx.Client) -> bool:
        answer = server.post("/warehouse-tokens", headers=self.headers)
        assert answer.status_code in {201, 403}, answer.text
        return answer.status_code == 201

    def is_vouched_for(self, server: httpx.Client) -> bool:
        active: bool = server.post("/introspect", data={"token": self.token, **self.picking}).json()["active"]
        return active

    def makes_it_active(self, server: httpx.Client) -> bool:
        body = {"data": {"attributes": {"isActive": True}}}
        headers = self.headers | {"Content-Type": JSON_API}
        answer = server.patch(f"{ASSIGNMENTS}/{self.row.uuid}", json=body, headers=headers)
        assert answer.status_code == 200 or answer.json()["errors"][0]["code"] == "5207", answer.text
        return answer.status_code == 200

    def acts(self, servers: list[httpx.Client], ends_at: float, calls: int) -> list[Call]:
        """One way after the other, at each server in turn, until so many calls were sent after the end."""
        made: list[Call] = []
        for way, server in zip(cycle(self.ways), cycle(servers), strict=False):
            sent = time.time()
            is_accepted = way(server)
            made.append(Call(sent, time.time(), is_accepted))
            if sum(call.sent > ends_at for call in islice(reversed(made), calls)) == calls:
                return made
        raise AssertionError("they act without end")


@pytest.fixture
def servers(whole: bool, tmp_path: Path, django_db_setup: None) -> Iterator[list[httpx.Client]]:
    """In the long form, their clocks are five seconds behind and five ahead."""
    offsets = ["-5s", "+5s"] if whole else [None, None]
    assert not whole or FAKETIME.exists(), "install Debian's package libfaketime"
    with ExitStack() as stack:
        made = []
        for name, offset in zip("ab", offsets, strict=True):
            skewed = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset} if offset else {}
            environment = patient_environment() | {"WORKERS": "2"} | skewed
            url = stack.enter_context(live_server(environment, tmp_path / f"{name}.log"))
            made.append(stack.enter_context(httpx.Client(base_url=url, timeout=120)))
        yield made


def test_nothing_is_accepted_after_an_assignment_has_ended(
    servers: list[httpx.Client], make_user: Any, north: Warehouse, whole: bool, record_testsuite_property: Any
) -> None:
    people = [make_user(f"picker.{n}@example.test", is_warehouse_user=True) for n in range(CLIENTS[whole])]
    pickers = [*_working(people, north)]
    assert all(way(server) for picker in pickers[:2] for way in picker.ways for server in servers)
    ends_at = database_now() + timedelta(seconds=2)
    for picker in pickers:
        picker.row.set_period(ends_at=ends_at)
    with ThreadPoolExecutor(len(pickers)) as pool:
        calls = [
            call
            for made in pool.map(lambda one: one.acts(servers, ends_at.timestamp(), CALLS[whole]), pickers)
            for call in made
        ]
    accepted = [call for call in calls if call.is_accepted]
    record_testsuite_property("calls", len(calls))
    record_testsuite_property(
        "last acceptance", max((call.answered - ends_at.timestamp() for call in accepted), default=0)
    )
    assert [call for call in accepted if call.sent > ends_at.timestamp()] == []


def _working(people: list[User], warehouse: Warehouse) -> Iterator[Picker]:
    picking = service("picking")
    for person in people:
        row = WarehouseUserAssignment.objects.assign(
            user_uuid=str(person.uuid), warehouse_uuid=str(warehouse.uuid), is_active=True
        )
        yield Picker(row, picking)
