"""Clients of the drill: those that write, from the endurance tests, and those that have tokens withdrawn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from assignments import demo
from tests.endurance.writers import Journal, Writer
from tests.support.api.client import ASSIGNMENTS, PASSWORD

WRITERS, INTROSPECTORS = 32, 8
#: Above nginx's `proxy_read_timeout`.
_PATIENCE_SECONDS = 45
#: So many withdrawn tokens each client asks about again.
_REMEMBERED = 100


@dataclass
class DrillJournal(Journal):
    """Withdrawals that were acknowledged, and tokens that introspection took for valid afterwards."""

    withdrawn: int = 0
    late: int = 0
    asked: int = 0


class PatientWriter(Writer):
    patience = _PATIENCE_SECONDS


class Introspector(PatientWriter):
    """Takes a warehouse token, leaves the warehouse, and asks about this token and about former ones ever after."""

    journal: DrillJournal

    def _write_until_stopped(self) -> None:
        former: deque[str] = deque(maxlen=_REMEMBERED)
        row = next(iter(self._rows.values()))
        while not self._stop_asked.is_set():
            self._set_active(row, True)
            (issued,) = self._insist("POST", "/warehouse-tokens", headers=self._own).json()
            assert self._holds(issued["accessToken"]), "a token that was just issued is refused"
            self._set_active(row, False)
            self.journal.withdrawn += 1
            former.append(issued["accessToken"])
            for token in {former[-1], *self._random.choices(former, k=3)}:
                self.journal.asked += 1
                self.journal.late += self._holds(token)

    def _set_active(self, row: str, value: bool) -> None:
        body = {"data": {"attributes": {"isActive": value}}}
        self._insist("PATCH", f"{ASSIGNMENTS}/{row}", headers=self._own, json=body)

    def _holds(self, token: str) -> bool:
        form = {"token": token, "client_id": demo.SERVICE, "client_secret": PASSWORD}
        return bool(self._insist("POST", "/introspect", data=form).json()["active"])


@contextmanager
def at_work(url: str, journal: DrillJournal) -> Iterator[None]:
    """All clients, signed in and at work; afterwards, each has looked once more."""
    stop = threading.Event()
    office = PatientWriter(0, url, {}, journal, stop)
    office.sign_in(demo.OFFICE)
    warehouses = office.warehouses()
    kinds: list[Any] = [PatientWriter] * WRITERS + [Introspector] * INTROSPECTORS
    clients = [kind(number, url, office.caller, journal, stop) for number, kind in enumerate(kinds)]
    for client in clients:
        client.sign_in()
        client.get_to_know(warehouses)
    with ExitStack() as stack:
        stack.callback(_end, clients, stop)
        for client in clients:
            client.start()
        yield


def _end(clients: list[Any], stop: threading.Event) -> None:
    stop.set()
    for client in clients:
        client.join(timeout=2 * _PATIENCE_SECONDS)
        assert not client.is_alive()
