"""Clients that write without a pause, each for a person of its own, and know what must be there afterwards.

A write that was acknowledged holds. One that was refused with 503, or whose answer was lost, holds or does not: the
client looks at the next chance, and anything but the state before or after it is a broken promise.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from tests.support.api.client import ASSIGNMENTS, JSON_API, PASSWORD, error

ACKNOWLEDGED, REFUSED, LOST = "acknowledged", "refused with 503", "lost"
PATIENCE_SECONDS = 10
#: Between two writes of one client.
_PAUSE_SECONDS = 0.01
_DETAIL = "The database does not answer at the moment. Please try again."
#: nginx's, where a server is gone.
_BUSY = "More is asked of this server than it can do at the moment. Please try again."
_REFUSALS: tuple[Any, ...] = tuple(
    refusal
    for detail in (_DETAIL, _BUSY)
    for refusal in (
        {"errors": [error(503, detail)]},
        {"error": "server_error", "error_description": detail},
        [{"message": detail, "status": 503, "code": None}],
    )
)


class Outcome(NamedTuple):
    """What became of one request, when (`time.monotonic`), and after how many seconds."""

    client: int
    kind: str
    at: float
    waited: float
    method: str


@dataclass
class Journal:
    """What all clients have seen."""

    outcomes: list[Outcome] = field(default_factory=list)
    #: Ids of acknowledged requests that history must know.
    written: list[str] = field(default_factory=list)
    looked: int = 0
    broken: list[str] = field(default_factory=list)


class State(NamedTuple):
    """The warehouses assigned to a person, and the current one."""

    assigned: frozenset[str]
    active: str | None


class SignedOutError(Exception):
    """A refresh whose answer was lost, repeated after the grace window: the session has ended, as it must."""


class Writer(threading.Thread):
    """One client: writes, and looks now and then."""

    #: Seconds. Longer is a hang.
    patience = PATIENCE_SECONDS

    def __init__(self, number: int, url: str, office: dict[str, str], journal: Journal, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number, self.journal, self._stop_asked = number, journal, stop
        self._wire = httpx.Client(base_url=url, timeout=self.patience)
        self._office, self._random, self._sent = office, random.Random(number), 0
        self._lost_refresh = False

    def run(self) -> None:
        try:
            self._write_until_stopped()
        except Exception as problem:
            self.journal.broken.append(f"client {self.number}: {problem!r}")
        finally:
            self._wire.close()

    def _write_until_stopped(self) -> None:
        writes = [self._switch, self._switch, self._assign, self._deassign, self._refresh]
        while not self._stop_asked.is_set():
            try:
                self._random.choice(writes)()
            except SignedOutError:
                self.sign_in()
            self._stop_asked.wait(_PAUSE_SECONDS)
        self._refresh()
        self._expect(self.state)

    # --- Signing in and looking ---------------------------------------------------------------------------------
    def sign_in(self, username: str = "") -> None:
        """As this client's own person, unless told otherwise."""
        username = username or f"picker.{self.number:07}@example.test"
        credentials = {"grant_type": "password", "username": username}
        self._take(self._insist("POST", "/token", data=credentials | {"password": PASSWORD}).json())

    def get_to_know(self, warehouses: list[str]) -> None:
        """Looks for the first time."""
        self._all = warehouses
        self.state = self._look()

    @property
    def caller(self) -> dict[str, str]:
        """The headers of who has signed in."""
        return self._own

    def warehouses(self) -> list[str]:
        """All that may be assigned."""
        return [row["id"] for row in self._insist("GET", "/warehouses", headers=self._own).json()["data"]]

    def _take(self, given: dict[str, str]) -> None:
        self._refresh_token, self._lost_refresh = given["refresh_token"], False
        self._own = {"Authorization": f"Bearer {given['access_token']}", "Content-Type": JSON_API}

    def _look(self) -> State:
        rows = self._insist("GET", ASSIGNMENTS, headers=self._own).json()["data"]
        self._rows = {row["attributes"]["warehouse"]["uuid"]: row["id"] for row in rows}
        self._person = rows[0]["attributes"]["userUuid"]
        active = [row["attributes"]["warehouse"]["uuid"] for row in rows if row["attributes"]["isActive"]]
        assert len(active) <= 1, "somebody has two current warehouses"
        self.journal.looked += 1
        return State(frozenset(self._rows), active[0] if active else None)

    def _expect(self, state: State) -> None:
        seen = self._look()
        assert seen == state, f"acknowledged but not there: {state}, but {seen}"

    # --- The four writes ----------------------------------------------------------------------------------------
    def _switch(self) -> None:
        goals = sorted(self.state.assigned - {self.state.active})
        if goals:
            goal = self._random.choice(goals)
            body = {"data": {"attributes": {"isActive": True}}}
            self._change("PATCH", self._rows[goal], self._own, body, self.state._replace(active=goal))

    def _assign(self) -> None:
        goals = sorted(set(self._all) - self.state.assigned)
        if goals:
            goal = self._random.choice(goals)
            wanted = {"userUuid": self._person, "warehouse": {"uuid": goal}}
            body = {"data": {"type": "warehouse-user-assignments", "attributes": wanted}}
            after = self.state._replace(assigned=self.state.assigned | {goal})
            self._change("POST", "", self._office, body, after)

    def _deassign(self) -> None:
        if len(self.state.assigned) > 2:
            goal = self._random.choice(sorted(self.state.assigned))
            active = None if goal == self.state.active else self.state.active
            after = State(self.state.assigned - {goal}, active)
            self._change("DELETE", self._rows[goal], self._office, None, after)

    def _refresh(self) -> None:
        """Each new token is used from then on, so that one which was acknowledged and is not there cannot hide."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        answer = self._send("POST", "/token", data=form)
        if answer is None:
            self._lost_refresh = True
        elif answer.status_code == 200:
            self._take(answer.json())
        elif self._lost_refresh:
            raise SignedOutError
        else:
            raise AssertionError(f"an acknowledged refresh token is refused: {answer.text}")

    def _change(self, method: str, row: str, caller: dict[str, str], body: Any, after: State) -> None:
        self._sent += 1
        request_id = f"drill-{self.number}-{self._sent}"
        path = f"{ASSIGNMENTS}/{row}" if row else ASSIGNMENTS
        answer = self._send(method, path, json=body, headers=caller | {"X-Request-Id": request_id})
        if answer is None:
            before, self.state = self.state, self._look()
            assert self.state in (before, after), f"neither before nor after: {before}, {after}, but {self.state}"
            return
        assert answer.is_success, f"{method} {answer.status_code} {answer.text}"
        self.journal.written.append(request_id)
        self.state = after
        if method == "POST":
            self._rows[answer.json()["data"]["attributes"]["warehouse"]["uuid"]] = answer.json()["data"]["id"]
        elif self._sent % 10 == 0:
            self._expect(after)

    # --- One request --------------------------------------------------------------------------------------------
    def _insist(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Tries until it is answered with success."""
        while (answer := self._send(method, path, **options)) is None:
            pass
        assert answer.is_success, f"{method} {path} {answer.status_code} {answer.text}"
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer; None where it was a 503, after the pause that it asks for, or was lost."""
        began = time.monotonic()
        try:
            answer = self._wire.request(method, path, **options)
        except httpx.TimeoutException:
            raise AssertionError(f"{method} {path} hangs") from None
        except httpx.TransportError:
            self._note(LOST, method, began)
            self._stop_asked.wait(0.2)
            return None
        if answer.status_code == 503:
            self._note(REFUSED, method, began)
            assert answer.json() in _REFUSALS, answer.text
            self._stop_asked.wait(float(answer.headers["Retry-After"]))
            return None
        self._note(ACKNOWLEDGED, method, began)
        return answer

    def _note(self, kind: str, method: str, began: float) -> None:
        now = time.monotonic()
        self.journal.outcomes.append(Outcome(self.number, kind, now, now - began, method))
