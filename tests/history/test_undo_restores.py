"""Whatever a change set did, undoing it at once restores people, warehouses and assignments; undoing that, the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.timezone import now

from assignments.models import WarehouseUserAssignment
from config.database.periods import ALWAYS, Period
from config.history.undo.plan import undo
from config.rule_errors import RuleError
from tests.support.back_office.history import change_set
from users.account_actions import (
    ACTIVATE,
    DEACTIVATE,
    DELETE,
    MAKE_WAREHOUSE_USER,
    RESTORE,
    UNMAKE_WAREHOUSE_USER,
)
from users.models import User
from users.saving import save_many
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

rows = WarehouseUserAssignment.objects
DAY = timedelta(days=1)
PERIODS = [ALWAYS, Period(now() - DAY, now() + DAY), Period(ends_at=now() - DAY), Period(now() + DAY)]
SWITCHES = [ACTIVATE, DEACTIVATE, DELETE, RESTORE, MAKE_WAREHOUSE_USER, UNMAKE_WAREHOUSE_USER]


# --- What may happen: by numbers, as people and warehouses come and go -------------------------------------------
def _person(number: int) -> User:
    people = list(User.objects.exclude(is_superuser=True).order_by("pk"))
    return people[number % len(people)]


def _warehouse(number: int) -> Warehouse:
    return list(Warehouse.objects.order_by("pk"))[number % Warehouse.objects.count()]


def _pair(one: int, two: int) -> tuple[User, Warehouse]:
    return _person(one), _warehouse(two)


def _row(one: int) -> WarehouseUserAssignment:
    return list(rows.order_by("pk"))[one % rows.count()]


def assign(one: int, two: int, three: int) -> None:
    person, warehouse = _pair(one, two)
    rows.set_warehouses(person, add=[warehouse], remove=[], period=PERIODS[three % len(PERIODS)])


def work(one: int, two: int, three: int) -> None:
    person, warehouse = _pair(one, two)
    rows.set_active([(person.pk, warehouse.pk, True)])


def edit(one: int, two: int, three: int) -> None:
    person = _person(one)
    person.first_name, person.language = f"Name {two}", ["en_US", "de_DE"][three % 2]
    vars(person).update(group_names=[["Auditor"], []][two % 2], new_digest="")

    save_many([], [person], {group.name: group for group in Group.objects.all()})


def edit_warehouse(one: int, two: int, three: int) -> None:
    warehouse = _warehouse(one)
    warehouse.name, warehouse.is_active = f"Place {two}", bool(three % 2)
    warehouse.save()


DEEDS: list[Callable[[int, int, int], Any]] = [
    assign,
    assign,
    work,
    work,
    lambda one, two, three: _row(one).deassign(),
    lambda one, two, three: _row(one).deactivate(),
    lambda one, two, three: _row(one).set_period(**PERIODS[two % len(PERIODS)]._asdict()),
    lambda one, two, three: SWITCHES[two % len(SWITCHES)].apply([_person(one).pk], _admin()),
    edit,
    edit_warehouse,
    lambda one, two, three: User.objects.create_user(
        f"new.{one}@example.test", first_name="New", last_name="Hand", is_warehouse_user=bool(two % 2)
    ),
    lambda one, two, three: Warehouse.objects.create(name=f"Place {one}", note=f"Gate {two}"),
    lambda one, two, three: _warehouse(one).remove(with_assignments=bool(two % 2)),
]
NUMBERS = st.integers(min_value=0, max_value=11)
DEED = st.tuples(st.integers(min_value=0, max_value=len(DEEDS) - 1), NUMBERS, NUMBERS, NUMBERS)


def _admin() -> User:
    return User.objects.get(is_superuser=True)


def do(deeds: list[tuple[int, int, int, int]]) -> None:
    for deed, *numbers in deeds:
        refused = (RuleError, ValidationError, IntegrityError, ProtectedError, ZeroDivisionError)  # the last: no row
        with suppress(*refused), transaction.atomic():
            DEEDS[deed](*numbers)


# --- What there is ----------------------------------------------------------------------------------------------
def state() -> dict[str, Any]:
    """All but sessions and the ids of assignments. Nobody counts who is deleted and was never there."""
    columns = ("pk", "uuid", "email", "first_name", "language", "roles", "status", "is_warehouse_user")
    people = {pk: values for pk, *values in User.objects.values_list(*columns)}
    places = set(Warehouse.objects.values_list("pk", "uuid", "name", "note", "is_active"))
    return {"people": people, "places": places, "assigned": set(_assigned())}


def _assigned() -> Any:
    shown = rows.with_is_current().values_list("user", "warehouse", "starts_at", "ends_at", "is_active", "is_current")
    return ((*row[:4], row[4] and row[5]) for row in shown)


def without_new(found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    people = {pk: values for pk, values in found["people"].items() if pk in before["people"] or values[5] != "deleted"}
    return found | {"people": people}


@pytest.mark.drill
@hypothesis.settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(first=st.lists(DEED, max_size=6), last=st.lists(DEED, min_size=1, max_size=4))
def test_undo_of_the_last_change_set_restores_the_state_before_it(
    ada: User, pat: User, sam: User, north: Warehouse, river: Warehouse, first: Any, last: Any
) -> None:
    with transaction.atomic():
        with change_set(ada):
            do(first)
        before = state()
        with change_set(ada) as done:
            do(last)
        after = state()
        with change_set(ada) as undoing:
            plan, _former = undo(done, _admin(), "")
        assert [step.obstacles for step in plan.all_steps if step.obstacles] == []
        assert without_new(state(), before) == before
        undo(undoing, _admin(), "")
        assert without_new(state(), after) == after
        transaction.set_rollback(True)
