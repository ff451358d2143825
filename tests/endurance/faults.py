"""Faults: while 32 clients write through nginx, the server and its database are killed, stopped and filled up.

nginx is `deploy/nginx.conf`, whose limits by address are raised: all clients share one. After each fault every
acknowledged write is there, nobody stands in two warehouses (looked at from outside all the while), callers got an
answer in time and in shape, and all write again within five seconds, with nobody's help.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.benchmarks.report import figure, table
from tests.endurance.installation import NAME, Installation, installation
from tests.endurance.report import FAULTS, write
from tests.endurance.writers import ACKNOWLEDGED, LOST, REFUSED, Journal, Outcome, Writer
from tests.support.servers import nginx

CLIENTS = 32
#: For `nginx.proxy`: the limits of one address, raised for all clients of a drill.
ONE_ADDRESS = {"rate=10r/s": "rate=500r/s", "rate=200r/s": "rate=5000r/s"}
#: Everybody writes again within so many seconds of the database's return.
RECOVERY_SECONDS = 5
#: How long all is well before a fault, and after it.
_CALM_SECONDS = 3
_STOPPED_SECONDS = 20
_FULL_SECONDS = 5
_KILLING_SECONDS = 5
_IN_TWO_PLACES = """
    SELECT user_id FROM assignments_warehouseuserassignment WHERE is_active GROUP BY user_id HAVING count(*) > 1
"""
_KILL_TRANSACTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = %s AND (%s OR xact_start IS NOT NULL)
"""
_FORGOTTEN = """
    SELECT id FROM unnest(%s::text[]) AS id
    WHERE id NOT IN (SELECT pgh_context->>'request_id' FROM assignments_warehouseuserassignmentevent
                     WHERE pgh_context->>'request_id' IS NOT NULL)
"""


# --- The faults: each does its harm, and returns when the cause is gone -------------------------------------------
def kill_the_server(site: Installation) -> None:
    site.kill()
    site.start()


def kill_a_worker(site: Installation) -> None:
    site.kill_a_worker()


def kill_postgresql(site: Installation) -> None:
    site.postgres.kill()
    site.postgres.start()


def stop_postgresql(site: Installation) -> None:
    site.postgres.stop()
    time.sleep(_STOPPED_SECONDS)
    assert (site.probe("live"), site.probe("ready")) == (200, 503)
    site.postgres.start()


def fill_the_connections(site: Installation) -> None:
    """Takes every place but those of superusers, and then those of the workers, until they have none."""
    with ExitStack() as taken, site.outside() as operator:
        until = time.monotonic() + _FULL_SECONDS
        while time.monotonic() < until:
            operator.execute(_KILL_TRANSACTIONS, [NAME, True])
            with suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(psycopg.connect(site.postgres.url))


def kill_transactions(site: Installation) -> None:
    """Again and again, whichever is at work."""
    killed, until = 0, time.monotonic() + _KILLING_SECONDS
    with site.outside() as operator:
        while time.monotonic() < until:
            killed += len(operator.execute(_KILL_TRANSACTIONS, [NAME, False]).fetchall())
            time.sleep(0.1)
    assert killed > 0


@dataclass(frozen=True)
class Fault:
    name: str
    happens: Callable[[Installation], None]
    #: What callers may meet because of it, besides success.
    costs: Sequence[str] = ()
    #: Whether somebody is sure to meet it.
    is_felt: bool = True


DRILLS = (
    Fault("kill -9 the server, main process and workers", kill_the_server, (REFUSED,)),
    Fault("kill -9 one worker", kill_a_worker, (REFUSED,), is_felt=False),
    Fault("kill -9 PostgreSQL, with its children", kill_postgresql, (REFUSED,)),
    Fault(f"stop PostgreSQL for {_STOPPED_SECONDS} s", stop_postgresql, (REFUSED,)),
    Fault(f"no connection free for {_FULL_SECONDS} s", fill_the_connections, (REFUSED,)),
    Fault(f"kill backends in mid-transaction for {_KILLING_SECONDS} s", kill_transactions, (REFUSED,)),
)


# --- The rule, from outside ---------------------------------------------------------------------------------------
class Watch(threading.Thread):
    """Looks all the while for a person in two places; while the database is away, for the database."""

    def __init__(self, site: Installation[Any], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._site, self._stop_asked = site, stop
        self.looks, self.seen = 0, 0

    def run(self) -> None:
        while not self._stop_asked.is_set():
            with suppress(psycopg.OperationalError), self._site.outside() as connection:
                self._look(connection)
            self._stop_asked.wait(0.05)

    def _look(self, connection: psycopg.Connection[tuple[int]]) -> None:
        while not self._stop_asked.is_set():
            self.seen += len(connection.execute(_IN_TWO_PLACES).fetchall())
            self.looks += 1
            time.sleep(0.002)


# --- A drill ------------------------------------------------------------------------------------------------------
@dataclass
class Result:
    fault: Fault
    outcomes: list[Outcome]
    #: Seconds after which `/health/ready` said so again.
    ready: float
    #: Seconds after which the last of all clients was served again.
    recovered: float

    def count(self, kind: str) -> int:
        return sum(outcome.kind == kind for outcome in self.outcomes)

    @property
    def row(self) -> tuple[str, ...]:
        counts = [f"{self.count(kind):,}" for kind in (ACKNOWLEDGED, REFUSED, LOST)]
        worst = max(outcome.waited for outcome in self.outcomes)
        return (self.fault.name, *counts, figure(worst), figure(self.ready), figure(self.recovered))


def drill(fault: Fault, site: Installation, journal: Journal) -> Result:
    """Lets a fault happen, and checks what callers met and how soon all were served again."""
    print(f"{fault.name} ...", flush=True)
    first = len(journal.outcomes)
    time.sleep(_CALM_SECONDS)
    fault.happens(site)
    over = time.monotonic()
    site.wait_until_ready()
    ready = time.monotonic() - over
    time.sleep(RECOVERY_SECONDS + _CALM_SECONDS)
    outcomes = journal.outcomes[first:]
    assert journal.broken == [], "\n".join(journal.broken)
    _only_what_it_may_cost(fault, outcomes, over)
    nothing_is_forgotten(site, journal)
    return Result(fault, outcomes, ready, _recovered(outcomes, over))


def _only_what_it_may_cost(fault: Fault, outcomes: list[Outcome], over: float) -> None:
    """And nobody after the recovery."""
    failed = [outcome for outcome in outcomes if outcome.kind != ACKNOWLEDGED]
    met = {outcome.kind for outcome in failed}
    assert met <= set(fault.costs), f"callers met {met}"
    assert met or not fault.is_felt, "nobody noticed"
    late = [outcome for outcome in failed if outcome.at > over + RECOVERY_SECONDS]
    assert late == [], f"{len(late)} requests failed after the recovery"


def _recovered(outcomes: list[Outcome], over: float) -> float:
    """After how many seconds the last client was served again."""
    again = {outcome.client: outcome.at for outcome in reversed(outcomes) if _is_success_after(over, outcome)}
    assert len(again) == CLIENTS, f"{CLIENTS - len(again)} clients were never served again"
    seconds = max(again.values()) - over
    assert seconds <= RECOVERY_SECONDS, f"recovered after {seconds:.1f} s"
    return seconds


def _is_success_after(moment: float, outcome: Outcome) -> bool:
    return outcome.kind == ACKNOWLEDGED and outcome.at - outcome.waited > moment


def nothing_is_forgotten(site: Installation[Any], journal: Journal) -> None:
    """History, which PostgreSQL writes along with each change, knows every acknowledged one."""
    with site.outside() as connection:
        forgotten = connection.execute(_FORGOTTEN, [list(journal.written)]).fetchall()
    assert forgotten == [], f"{len(forgotten)} acknowledged writes are gone"


# --- All of them --------------------------------------------------------------------------------------------------
def run() -> None:
    journal, stop = Journal(), threading.Event()
    with installation() as site, nginx.temporary_proxy(site.server, replaced=ONE_ADDRESS) as proxy:
        site.load(people=CLIENTS, warehouses=8, assignments=CLIENTS * 4)
        watch = Watch(site, stop)
        with writing(proxy.url, journal, stop), running(watch, stop):
            results = [drill(fault, site, journal) for fault in DRILLS]
        assert journal.broken == [], "\n".join(journal.broken)
        assert watch.seen == 0, "somebody stood in two warehouses"
        nothing_is_forgotten(site, journal)
        site.stop()
    _report(results, journal, watch)


@contextmanager
def writing(url: str, journal: Journal, stop: threading.Event, clients: int = CLIENTS) -> Iterator[None]:
    """All clients signed in and at work; afterwards, each has looked once more."""
    office = Writer(0, url, {}, journal, stop)
    office.sign_in("olive.office@example.test")
    warehouses = office.warehouses()
    writers = [Writer(number, url, office.caller, journal, stop) for number in range(clients)]
    for writer in writers:
        writer.sign_in()
        writer.get_to_know(warehouses)
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(running(writer, stop))
        yield


@contextmanager
def running(thread: threading.Thread, stop: threading.Event) -> Iterator[None]:
    """Until the end of the block."""
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()


def _report(results: list[Result], journal: Journal, watch: Watch) -> None:
    columns = ("Fault", "answered", "503", "lost", "worst wait, s", "ready after, s", "all served after, s")
    write(
        FAULTS,
        f"{CLIENTS} clients write all the while (switch, assign, deassign, refresh) through nginx to two workers. "
        "*Lost* is an answer that never came, or a connection that nobody took. The last columns "
        "count from when PostgreSQL, or the server, answers again; a client that got a 503 waits as long as told.",
        table(columns, [result.row for result in results]),
        f"{len(journal.written):,} acknowledged changes, each found in the history after each fault; clients looked "
        f"{journal.looked:,} times and saw what they had been told. Nobody stood in two warehouses in {watch.looks:,} "
        "looks from outside.",
    )
