"""The roster of any moment is what a replay of all events up to it leaves, for histories of any kind."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignments.models import PastAssignment, WarehouseUserAssignment
from assignments.roster.roster import RosterRow, roster_at, stays_of, unrecorded
from assignments.roster.spells import PastState, Spell, spells
from config.database.periods import Period
from config.rule_errors import RuleError
from tests.support.clock import Clock
from users.models import User
from warehouses.models import Warehouse

objects = WarehouseUserAssignment.objects
HOUR = timedelta(hours=1)

places = st.tuples(st.integers(0, 1), st.integers(0, 1))
hours = st.none() | st.integers(-6, 6)
moments = st.lists(st.integers(-1, 60), min_size=1, max_size=5)
steps = st.one_of(
    st.tuples(st.just("move"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["activate", "deactivate", "deassign"]), places),
    st.tuples(st.sampled_from(["assign", "assign active", "re-date"]), places, hours, hours),
)


class World:
    """Two people and two warehouses, to which the write methods are applied while time moves."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people = [
            User.objects.create(email=f"p{n}@example.test", first_name="Pat", last_name=f"P{n}", is_warehouse_user=True)
            for n in range(2)
        ]
        self.warehouses = [Warehouse.objects.create(name=f"House {n}") for n in range(2)]

    def apply(self, kind: str, *arguments: Any) -> None:
        if kind == "move":
            self.clock.move(HOUR * arguments[0])
            return
        (person, house), *bounds = arguments
        user, warehouse = self.people[person], self.warehouses[house]
        period = Period(*(None if one is None else self.clock.now + HOUR * one for one in bounds))
        row = objects.with_is_current().filter(user=user, warehouse=warehouse).first()
        with suppress(RuleError), transaction.atomic():
            if kind.startswith("assign"):
                ids = {"user_uuid": str(user.uuid), "warehouse_uuid": str(warehouse.uuid)}
                objects.assign(**ids, is_active=kind.endswith("active"), period=period)
            elif row and kind == "re-date":
                row.set_period(**period._asdict())
            elif row:
                getattr(row, kind)()


def replayed(events: list[PastAssignment], moment: datetime) -> dict[int, tuple[Any, ...]]:
    """Assignment id → the row as the events up to the moment leave it."""
    state = {event.id: event for event in events if event.recorded_at <= moment}
    return {
        pk: (one.user_id, one.warehouse_id, one.is_active, one.starts_at, one.ends_at)
        for pk, one in state.items()
        if one.label != "delete"
    }


def is_current(row: tuple[Any, ...], moment: datetime) -> bool:
    return (row[3] is None or row[3] <= moment) and (row[4] is None or moment < row[4])


@pytest.mark.thorough
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(steps, min_size=1, max_size=14), half_hours=st.lists(st.integers(-1, 60), min_size=1, max_size=5)
)
def test_the_roster_of_any_moment_equals_the_replay(clock: Clock, history: list[Any], half_hours: list[int]) -> None:
    point, began_at = transaction.savepoint(), clock.now
    try:
        world = World(clock)
        for step in history:
            world.apply(*step)
        events = [*PastAssignment.objects.order_by("event")]
        states = {moment: replayed(events, moment) for moment in (began_at + HOUR / 2 * one for one in half_hours)}
        for moment, state in states.items():
            _check_documents(moment, state)
            _check_roster(world, moment, state)
        _check_stays(world, states)
    finally:
        transaction.savepoint_rollback(point)
        clock.move(began_at - clock.now)


def _check_documents(moment: datetime, state: dict[int, tuple[Any, ...]]) -> None:
    found = {
        row.id: (row.user_id, row.warehouse_id, row.is_active, row.starts_at, row.ends_at)
        for row in PastAssignment.objects.at(moment)
    }
    assert found == state


def _check_roster(world: World, moment: datetime, state: dict[int, tuple[Any, ...]]) -> None:
    for warehouse in (None, *world.warehouses):
        rows, more = roster_at(moment, warehouse)
        expected = {
            pk: row[2]
            for pk, row in state.items()
            if is_current(row, moment) and (warehouse is None or row[1] == warehouse.pk)
        }
        assert {row.id: row.worked is not None for row in rows} == expected
        assert more is None


def _check_stays(world: World, states: dict[datetime, Any]) -> None:
    """At every moment a person is where their stays say."""
    for person in world.people:
        stays = stays_of(person, min(states), max(states) + HOUR)
        for moment, state in states.items():
            rows = [row for row in state.values() if row[0] == person.pk and is_current(row, moment)]
            expected = {(row[1], False) for row in rows} | {(row[1], True) for row in rows if row[2]}
            assert {(one.warehouse.pk, one.is_work) for one in stays if one.spell.includes(moment)} == expected
        assert all(stay.spell.is_beginning_known for stay in stays)


# --- Spells, one by one -----------------------------------------------------------------------------------------
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def step(hour: float, label: str = "update", *, is_active: bool = False, **bounds: float) -> PastState:
    period = {name: NOON + HOUR * value for name, value in bounds.items()}
    return PastState(1, NOON + HOUR * hour, label, 1, 1, is_active, period.get("starts_at"), period.get("ends_at"))


def told(history: list[PastState], *, working: bool = False) -> list[tuple[float, float | None]]:
    def hours(moment: datetime | None) -> Any:
        return moment and (moment - NOON) / HOUR

    found = spells(history, (1, 1), working=working)
    assert all(one.until != two.since for one, two in pairwise(found))
    return [(hours(one.since) or 0.0, hours(one.until)) for one in found]


def test_events_that_change_nothing_do_not_interrupt() -> None:
    history = [step(0, "insert"), step(1, is_active=True), step(2), step(3, is_active=True), step(4, "delete")]
    assert told(history) == [(0, 4)]
    assert told(history, working=True) == [(1, 2), (3, 4)]


def test_a_later_beginning_and_an_earlier_end_count() -> None:
    assert told([step(0, "insert", starts_at=2, ends_at=5)]) == [(2, 5)]
    assert told([step(0, "insert", starts_at=2, ends_at=5), step(3, ends_at=9)]) == [(2, 9)]
    assert told([step(0, "insert", ends_at=2), step(3)]) == [(0, 2), (3, None)]
    assert told([step(0, "insert", ends_at=2), step(2)]) == [(0, None)]
    assert told([step(0, "insert", starts_at=5), step(3, "delete")]) == []


def test_a_transaction_that_began_earlier_and_wrote_later_has_the_last_word() -> None:
    assert told([step(0, "insert"), step(3, is_active=True), step(2)], working=True) == []
    assert told([step(0, "insert"), step(3, "delete"), step(2)]) == [(0, None)]


def test_what_began_before_its_history_is_said() -> None:
    assert spells([step(0)], (1, 1), working=False) == [Spell(NOON, None, is_beginning_known=False)]
    assert spells([step(0, starts_at=1)], (1, 1), working=False) == [Spell(NOON + HOUR, None)]


def test_a_row_that_another_user_or_warehouse_got_is_another_stay() -> None:
    history = [step(0, "insert"), step(2)._replace(warehouse_id=2), step(3)]
    assert told(history) == [(0, 2), (3, None)]
    assert [one.until for one in spells(history, (1, 2), working=False)] == [NOON + 3 * HOUR]


# --- Pages of a roster ------------------------------------------------------------------------------------------
def test_a_roster_is_read_in_pages_by_name(clock: Clock, north: Warehouse) -> None:
    names = ["Berg", "adler", "Cole", "Berg", "Zorn"]
    people = [
        User.objects.create(email=f"p{n}@example.test", first_name="Pat", last_name=name, is_warehouse_user=True)
        for n, name in enumerate(names)
    ]
    objects.set_people(north, add=people, remove=[])
    pages: list[list[RosterRow]] = []
    after: int | None = 0
    while after is not None:
        rows, after = roster_at(clock.now, north, after=after, limit=2)
        pages.append(rows)
    found = [(row.user.last_name, row.user.pk) for page in pages for row in page]
    assert found == sorted(((one.last_name, one.pk) for one in people), key=lambda one: (one[0].lower(), one[1]))
    assert [len(page) for page in pages] == [2, 2, 1]


def test_assignments_older_than_their_history_are_counted(clock: Clock, pat_north: Any, sam_north: Any) -> None:
    later = clock.now + 24 * HOUR
    assert unrecorded(later, warehouse=pat_north.warehouse) == 0
    objects.filter(pk=pat_north.pk).update(created_at=clock.now - 48 * HOUR)
    assert unrecorded(clock.now - 24 * HOUR, warehouse=pat_north.warehouse) == 1
    assert unrecorded(clock.now - 24 * HOUR, user=sam_north.user) == 0
