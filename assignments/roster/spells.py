"""When somebody was assigned, or worked somewhere, without interruption: from the events of one assignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple


class PastState(NamedTuple):
    """What an event tells of an assignment, from then on."""

    id: int
    recorded_at: datetime
    label: str
    user_id: int
    warehouse_id: int
    is_active: bool
    starts_at: datetime | None
    ends_at: datetime | None


#: The columns of `PastState`.
COLUMNS = ("id", "recorded_at", "label", "user_id", "warehouse_id", "is_active", "starts_at", "ends_at")


class Spell(NamedTuple):
    """An uninterrupted time. Without `until` it has no end so far; a later `until` is the end that is planned."""

    since: datetime
    until: datetime | None
    #: False if it may have begun before its history.
    is_beginning_known: bool = True

    def includes(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)

    def meets(self, since: datetime, until: datetime) -> bool:
        """Whether it has a part in common with the span from `since` to just before `until`."""
        return self.since < until and (self.until is None or since < self.until)


def spells(steps: Sequence[PastState], here: tuple[Any, Any], *, working: bool) -> list[Spell]:
    """When this user was assigned to this warehouse by one assignment, or with `working` worked there."""
    found: list[Spell] = []
    for step, since, until in in_effect(steps):
        counts = step.label != "delete" and (step.user_id, step.warehouse_id) == here and step.is_active >= working
        spell = Spell(
            max(since, step.starts_at or since),
            min(filter(None, (until, step.ends_at)), default=None),
            step is not steps[0] or step.label == "insert" or (step.starts_at or since) > since,
        )
        if not counts or (spell.until is not None and spell.until <= spell.since):
            continue
        if found and found[-1].until == spell.since:
            before = found.pop()
            spell = Spell(before.since, spell.until, before.is_beginning_known)
        found.append(spell)
    return found


def in_effect(steps: Sequence[PastState]) -> Iterator[tuple[PastState, datetime, datetime | None]]:
    """Each event with the times from and until which it tells the state; None for the last one.

    Of two transactions at one row, the one that began earlier may have written later: it has the last word.
    """
    reversed_: list[tuple[PastState, datetime, datetime | None]] = []
    until: datetime | None = None
    for step in reversed(steps):
        if until is None or step.recorded_at < until:
            reversed_.append((step, step.recorded_at, until))
            until = step.recorded_at
    return reversed(reversed_)
