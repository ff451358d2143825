"""An assignment counts from when until when it says, by PostgreSQL's clock, whatever is stored as active."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from assignments import errors
from assignments.models import WarehouseUserAssignment
from assignments.models.bulk_writes import AssignedCounts
from config.database.periods import ALWAYS, Period, database_now
from config.rule_errors import RuleError
from tests.support.cases import each
from tests.support.clock import Clock
from users.models import User
from warehouses.models import Warehouse

Row = WarehouseUserAssignment
objects = WarehouseUserAssignment.objects
DAY, MOMENT = timedelta(days=1), timedelta(milliseconds=1)


def read(row: Row) -> Row:
    found: Row = objects.with_is_current().get(pk=row.pk)
    return found


def state(row: Row) -> tuple[Any, ...]:
    now = read(row)
    return now.starts_at, now.ends_at, now.is_active, now.activation, now.is_current


def refusal(call: Any) -> list[Any]:
    with pytest.raises(RuleError) as refused:
        call()
    return [*refused.value.violations]


def test_an_assignment_is_current_from_its_start_until_just_before_its_end(clock: Clock, pat_north: Row) -> None:
    pat_north.set_period(starts_at=clock.now + DAY, ends_at=clock.now + 2 * DAY)
    found = []
    for step in (timedelta(), DAY - MOMENT, MOMENT, DAY - MOMENT, MOMENT):
        clock.move(step)
        found.append(read(pat_north).is_current)
    assert found == [False, False, True, True, False]


def test_what_is_over_is_not_active_and_does_not_block_another(clock: Clock, pat_north: Row, pat_river: Row) -> None:
    pat_north.set_period(ends_at=clock.now + DAY)
    pat_north.activate()
    assert objects.active_for(pat_north.user) == pat_north
    clock.move(DAY)
    assert read(pat_north).is_active  # as stored
    assert not read(pat_north).is_active_now
    assert not read(pat_north).works_now
    assert objects.active_for(pat_north.user) is None
    assert [*objects.active(), *objects.working()] == []
    assert [*User.objects.working()] == []
    pat_river.activate()
    assert objects.active_for(pat_north.user) == pat_river
    assert not read(pat_north).is_active


@each("which", ["not begun", "over"])
def test_only_what_is_current_can_be_activated(pat_north: Row, pat_river: Row, which: str) -> None:
    pat_river.activate()
    now = database_now()
    pat_north.set_period(**({"starts_at": now + DAY} if which == "not begun" else {"ends_at": now - DAY}))
    before = state(pat_north), state(pat_river)
    assert refusal(pat_north.activate) == [errors.NOT_CURRENT]
    rows = [(pat_north.user_id, pat_north.warehouse_id, True)]
    if which == "not begun":
        assert refusal(lambda: objects.set_active(rows)) == [errors.NOT_CURRENT]
    assert (state(pat_north), state(pat_river)) == before


def test_a_new_period_does_not_bring_back_what_ended_with_the_former(clock: Clock, pat_north: Row) -> None:
    pat_north.set_period(ends_at=clock.now + DAY)
    pat_north.activate()
    clock.move(DAY)
    pat_north.set_period(ends_at=None)
    assert state(pat_north) == (None, None, False, 1, True)
    assert not pat_north.is_active_now


def test_a_period_that_is_not_now_ends_the_activity(pat_north: Row) -> None:
    now = database_now()
    for bounds in ({"starts_at": now + DAY, "ends_at": None}, {"starts_at": None, "ends_at": now - DAY}):
        pat_north.set_period(starts_at=None, ends_at=None)
        pat_north.activate()
        pat_north.set_period(**bounds)
        assert state(pat_north)[2::2] == (False, False)
        assert not pat_north.is_active_now


def test_a_period_that_is_now_keeps_the_activity(pat_north: Row) -> None:
    pat_north.activate()
    now = database_now()
    pat_north.set_period(starts_at=now - DAY)
    pat_north.set_period(ends_at=now + DAY)
    assert state(pat_north) == (now - DAY, now + DAY, True, 1, True)


def test_what_is_over_is_renewed_by_assigning_it_again(pat_north: Row, river: Warehouse) -> None:
    now = database_now()
    pat, north = pat_north.user, pat_north.warehouse
    call = lambda **more: objects.assign(user_uuid=str(pat.uuid), warehouse_uuid=str(north.uuid), **more)  # noqa: E731
    assert refusal(call) == [errors.ALREADY_EXISTS]
    pat_north.set_period(starts_at=now + DAY)
    assert refusal(call) == [errors.ALREADY_EXISTS]
    pat_north.set_period(starts_at=None, ends_at=now - DAY)
    again = call(period=Period(now - MOMENT, now + DAY), is_active=True)
    assert (again.pk, again.uuid) == (pat_north.pk, pat_north.uuid)
    assert state(pat_north) == (now - MOMENT, now + DAY, True, 1, True)

    pat_north.set_period(starts_at=None, ends_at=now - DAY)
    assert objects.set_warehouses(pat, add=[north, river], remove=[], period=Period(None, now + DAY)) == (2, 0)
    assert state(pat_north) == (None, now + DAY, False, 1, True)
    assert objects.set_warehouses(pat, add=[north], remove=[], period=ALWAYS) == AssignedCounts(0, 0)
    assert state(pat_north) == (None, now + DAY, False, 1, True)

    pat_north.set_period(ends_at=now - DAY)
    objects.set_active([(pat.pk, north.pk, True)])
    assert state(pat_north) == (None, None, True, 2, True)


def test_periods_of_many_are_changed_in_one_go(pat_north: Row, pat_river: Row, sam_north: Row) -> None:
    pat_north.activate()
    sam_north.activate()
    now = database_now()
    periods = {
        (pat_north.user_id, pat_north.warehouse_id): Period(None, now - DAY),
        (pat_river.user_id, pat_river.warehouse_id): ALWAYS,
        (sam_north.user_id, sam_north.warehouse_id): Period(now - DAY, None),
    }
    assert objects.set_periods(periods) == 2
    assert state(pat_north) == (None, now - DAY, False, 1, False)
    assert state(pat_river) == (None, None, False, 0, True)
    assert state(sam_north) == (now - DAY, None, True, 1, True)


def test_a_period_that_ends_before_it_starts_is_refused(pat_north: Row, river: Warehouse) -> None:
    now = database_now()
    before, pat = state(pat_north), pat_north.user
    for starts_at, ends_at in (
        (now, now),
        (now, now - DAY),
        (datetime(1899, 12, 31, tzinfo=UTC), None),
        (None, datetime(9999, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ):
        period = Period(starts_at, ends_at)
        for call in (
            lambda period=period: pat_north.set_period(**period._asdict()),
            lambda period=period: objects.set_periods({(pat.pk, pat_north.warehouse_id): period}),
            lambda period=period: objects.set_warehouses(pat, add=[river], remove=[], period=period),
            lambda period=period: objects.assign(
                user_uuid=str(pat.uuid), warehouse_uuid=str(river.uuid), period=period
            ),
        ):
            assert refusal(call) == [errors.INVALID_PERIOD]
    assert state(pat_north) == before
    assert objects.filter(warehouse=river).count() == 0


def test_the_database_refuses_a_period_that_ends_before_it_starts(pat_north: Row) -> None:
    now = database_now()
    with pytest.raises(IntegrityError, match="assignment_period_ends_after_start"), transaction.atomic():
        objects.filter(pk=pat_north.pk).update(starts_at=now, ends_at=now)


def test_the_period_of_a_deleted_assignment_cannot_be_changed(pat_north: Row) -> None:
    objects.filter(pk=pat_north.pk).delete()
    assert refusal(lambda: pat_north.set_period(ends_at=None)) == [errors.NOT_FOUND]


def test_a_warehouse_user_sees_a_warehouse_only_while_it_is_assigned(pat_north: Row, pat_river: Row) -> None:
    now = database_now()
    pat_north.set_period(ends_at=now - DAY)
    pat_river.set_period(starts_at=now - DAY)
    assert [*Warehouse.objects.visible_to(pat_north.user)] == [pat_river.warehouse]
