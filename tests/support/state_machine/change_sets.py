"""The model's change sets: what there is before each of them, which undo puts back, and the undoing of the last one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import Any

from tests.support.state_machine.parts import Person, Place, Row


@dataclass(frozen=True)
class State:
    """What undo puts back. The uuid of an assignment tells one that was made again from the one before."""

    people: dict[Person, tuple[bool, bool, int | None]]
    places: dict[Place, bool]
    rows: dict[tuple[Person, Place], tuple[str, int | None, int | None, bool]]

    @classmethod
    def of(cls, model: Any) -> State:
        people = {one: (one.is_blocked, one.is_warehouse_user, one.employed_until) for one in model.people}
        rows = {
            (row.person, row.place): (row.uuid, row.starts, row.ends, row.is_sorted_as_active) for row in model.rows
        }
        return cls(people, {place: place.is_active for place in model.places}, rows)


def change_set(method: Any) -> Any:
    """All that this method of the model, or function of it, changes is one change set."""

    @wraps(method)
    def change(model: Any, *args: Any, **options: Any) -> Any:
        before = State.of(model)
        answer = method(model, *args, **options)
        if State.of(model) != before:
            model.before = before
            model.change_sets += 1
        return answer

    return change


@change_set
def undo(model: Any) -> tuple[list[Row], bool]:
    """Undoes the last change set. Returns the assignments that are made again, and whether nothing is left out."""
    before, after = model.before, State.of(model)
    for place, is_active in before.places.items():
        place.is_active = is_active
    for person, (is_blocked, is_warehouse_user, until) in before.people.items():
        model.blocks(person, blocked=is_blocked)
        model.flags(person, is_warehouse_user=is_warehouse_user)
        model.employs(person, until)
    for row in [row for row in model.rows if (row.person, row.place) not in before.rows]:
        model.remove(row)
    changed = {key: values for key, values in before.rows.items() if values[1:] != after.rows.get(key, ())[1:]}
    made = [Row(*key) for key in changed.keys() - after.rows.keys() if key[0].is_warehouse_user]
    model.rows += made
    return made, all([_puts_back(model, key, values, after.rows.get(key)) for key, values in changed.items()])


def _puts_back(model: Any, key: tuple[Person, Place], before: tuple[Any, ...], after: tuple[Any, ...] | None) -> bool:
    """Only a warehouse user is assigned again, and nobody works again outside of the period."""
    row = next((row for row in model.rows if (row.person, row.place) == key), None)
    if row is None:
        return False
    _uuid, starts, ends, was_active = before
    if after is None or after[1:3] != (starts, ends):
        model.redate(row, starts, ends)
    if was_active is (after is not None and after[3]):
        return True
    if not was_active:
        row.set_active(False)
    elif row.is_current(model.now):
        model.stand(row)
    else:
        return False
    return True
