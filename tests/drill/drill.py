"""Lets the faults happen, one after the other, while clients are at work; checks what they met; makes the table."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import Report, figure, table
from tests.drill.clients import INTROSPECTORS, WRITERS, DrillJournal, at_work
from tests.drill.faults import FAULTS, Fault
from tests.drill.site import Site, site
from tests.endurance.faults import Watch, nothing_is_forgotten, running
from tests.endurance.writers import ACKNOWLEDGED, Outcome

#: How long all is well before a fault, and after its cause is gone.
_CALM_SECONDS = 4
#: The drill is given up after so many seconds.
_MAX_SECONDS = 1_800
_IDEMPOTENT = {"GET", "PUT", "DELETE"}
_SECTION = "The drill"
report = Report(Path(__file__).parent / "RESULTS.md", "# Drill\n\nWritten by `make drill`.", (_SECTION,))


@dataclass
class Result:
    fault: Fault
    outcomes: list[Outcome]
    began: float
    withdrawn: int
    late: int

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.kind != ACKNOWLEDGED]

    @property
    def failed_idempotent(self) -> int:
        return sum(one.method in _IDEMPOTENT for one in self.failed)

    @property
    def restored(self) -> float:
        """Seconds from the beginning of the harm until every client that had failed was served again."""
        last = {one.client: one.at for one in self.failed}
        again = {
            one.client: one.at
            for one in reversed(self.outcomes)
            if one.kind == ACKNOWLEDGED and one.at > last.get(one.client, float("inf"))
        }
        assert again.keys() == last.keys(), f"{len(last.keys() - again.keys())} clients were not served again"
        return max((at - self.began for at in again.values()), default=0)

    @property
    def row(self) -> tuple[str, ...]:
        worst = max(one.waited for one in self.outcomes)
        counts = (len(self.outcomes) - len(self.failed), len(self.failed), self.failed_idempotent, self.withdrawn)
        return (
            self.fault.name,
            *(f"{count:,}" for count in counts),
            f"{self.late}",
            *map(figure, (self.restored, worst)),
        )


def run(names: Sequence[str], *, is_whole: bool = True) -> None:
    """These faults, in this order. RESULTS.md is that of a whole drill."""
    journal, stop = DrillJournal(), threading.Event()
    started = time.monotonic()
    with site() as made:
        watch = Watch(made.first, stop)
        with at_work(made.proxy.url, journal), running(watch, stop):
            results = [_drill(FAULTS[name], made, journal, started) for name in names]
        _check(made, journal, watch)
        for one in made.both:
            one.stop()
    if is_whole:
        _write(results, journal, watch)
    for result in results:
        _hold(result)


def _drill(fault: Fault, made: Site, journal: DrillJournal, started: float) -> Result:
    assert time.monotonic() - started < _MAX_SECONDS, "the drill takes too long"
    print(f"{fault.name} ...", flush=True)
    first, withdrawn, late = len(journal.outcomes), journal.withdrawn, journal.late
    time.sleep(_CALM_SECONDS)
    began = time.monotonic()
    fault.happens(made)
    made.servers.wait_until_whole()
    for one in made.both:
        one.wait_until_ready()
    time.sleep(_CALM_SECONDS)
    assert journal.broken == [], "\n".join(journal.broken)
    nothing_is_forgotten(made.first, journal)
    outcomes = journal.outcomes[first:]
    result = Result(fault, outcomes, began, journal.withdrawn - withdrawn, journal.late - late)
    print("   ", *result.row[1:], flush=True)
    return result


def _check(made: Site, journal: DrillJournal, watch: Watch) -> None:
    assert journal.broken == [], "\n".join(journal.broken)
    assert watch.seen == 0, "somebody was active in two warehouses"
    nothing_is_forgotten(made.first, journal)


def _hold(result: Result) -> None:
    assert result.late == 0, f"{result.fault.name}: a withdrawn token was accepted"
    if result.fault.seconds:
        assert result.restored <= result.fault.seconds, f"{result.fault.name}: restored after {result.restored:.1f} s"
    else:
        assert result.failed_idempotent == 0, f"{result.fault.name}: {result.failed_idempotent} requests failed"


def _write(results: Sequence[Result], journal: DrillJournal, watch: Watch) -> None:
    columns = (
        "What happened",
        "answered",
        "failed",
        "of them idempotent",
        "tokens withdrawn",
        "accepted afterwards",
        "all served again after, s",
        "worst wait, s",
    )
    report.write(
        _SECTION,
        f"{WRITERS} clients write all the while (switch, assign, deassign, refresh) and {INTROSPECTORS} have warehouse "
        "tokens withdrawn and ask about them, through nginx, two application servers of two workers, and three "
        "PostgreSQL servers under Patroni with synchronous replication, all on one machine. *Failed* is a 503, which "
        "asks to come again after a second, or an answer that never came. Times count from the beginning of the harm.",
        table(columns, [result.row for result in results]),
        f"{len(journal.written):,} acknowledged changes, each found in the history after each fault: none was lost. "
        f"{journal.asked:,} questions about {journal.withdrawn:,} withdrawn tokens. Nobody was active in two "
        f"warehouses in {watch.looks:,} looks from outside. No response was a 500, or HTML.",
    )
