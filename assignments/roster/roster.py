"""The roster of any moment, by the history: who was assigned where, who worked there, since when and until when.

An assignment was *assigned* at a moment if it was there and its period included the moment; its person *worked there*
if it also was active. Nothing is known from before the first event of an assignment, unless that is its assigning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef

from assignments.models import PastAssignment, WarehouseUserAssignment
from assignments.roster.spells import COLUMNS, PastState, Spell, in_effect, spells
from config.history.past_states import deleted_rows
from users.models import User
from warehouses.models import Warehouse

#: Most assignments of one page of a roster, and most lines about one person.
MAX_ROWS = 1_000
_SHOWN: dict[Any, tuple[str, ...]] = {User: ("email", "first_name", "last_name"), Warehouse: ("name",)}


@dataclass(frozen=True)
class RosterRow:
    """An assignment at a moment. User and warehouse are as they are now, or as they were when they were deleted."""

    id: int
    user: User
    warehouse: Warehouse
    assigned: Spell
    #: None for somebody who did not work there.
    worked: Spell | None


@dataclass(frozen=True)
class Stay:
    """A time in which a person was assigned to a warehouse, or worked there."""

    warehouse: Warehouse
    is_work: bool
    spell: Spell


# --- One moment -------------------------------------------------------------------------------------------------
def roster_at(
    moment: datetime,
    warehouse: Warehouse | None = None,
    viewer: User | None = None,
    *,
    after: int = 0,
    limit: int = MAX_ROWS,
) -> tuple[list[RosterRow], int | None]:
    """Who was assigned, and the id of the last assignment if there are more: the next `after`.

    In one warehouse by name, else in the order of assigning, and of the warehouses that the viewer may see. It reads
    all events of the assignments of one warehouse at once: PostgreSQL would look for the last one of each by an index,
    which takes longer.
    """
    if warehouse is None:
        assigned = _seen(PastAssignment.objects.at(moment).current().order_by("id"), viewer)
        ids = list(assigned.filter(id__gt=after).values_list("id", flat=True)[: limit + 1])
        rows = _named(_rows(_steps(ids), moment), viewer)
    else:
        found = _rows(_steps_of(PastAssignment.objects.filter(warehouse=warehouse.pk)), moment, warehouse.pk)
        rows = sorted(_named(found, viewer), key=_by_name)
        rows = rows[next((n for n, row in enumerate(rows, 1) if row.id == after), 0) :]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _seen(rows: Any, viewer: User | None) -> Any:
    return rows if viewer is None else rows.visible_to(viewer)


def _by_name(row: RosterRow) -> tuple[str, str, int]:
    return row.user.last_name.lower(), row.user.first_name.lower(), row.id


def _rows(
    steps: dict[int, list[PastState]], moment: datetime, warehouse_id: int | None = None
) -> Iterator[tuple[PastState, Spell, Spell | None]]:
    """The state of each assignment at the moment, with its time as assigned and as active."""
    for one in steps.values():
        state = next((step for step, since, until in in_effect(one) if Spell(since, until).includes(moment)), None)
        if state is None or (warehouse_id is not None and state.warehouse_id != warehouse_id):
            continue
        here = state.user_id, state.warehouse_id
        assigned, worked = (
            next((spell for spell in spells(one, here, working=working) if spell.includes(moment)), None)
            for working in (False, True)
        )
        if assigned is not None:
            yield state, assigned, worked


def _named(found: Iterable[tuple[PastState, Spell, Spell | None]], viewer: User | None) -> list[RosterRow]:
    found = list(found)
    people = _people({step.user_id for step, _assigned, _worked in found}, viewer)
    warehouses = _by_key(Warehouse, {step.warehouse_id for step, _assigned, _worked in found})
    return [
        RosterRow(step.id, people[step.user_id], warehouses[step.warehouse_id], assigned, worked)
        for step, assigned, worked in found
    ]


def _people(keys: set[int], viewer: User | None) -> dict[int, User]:
    """Of those who were in a confined viewer's warehouses, and are of them no more, only the names."""
    if viewer is None or not viewer.is_confined:
        return _by_key(User, keys)
    people = _by_key(User, keys, is_visible=User.objects.keys_visible_to(viewer, "pk"))
    for person in people.values():
        if not getattr(person, "is_visible", False):
            person.email = ""
    return people


def _by_key(model: Any, keys: set[int], **also: Any) -> dict[int, Any]:
    """Rows by key; deleted ones by their history, and without a name if it does not know them."""
    rows = model.objects.only(*_SHOWN[model]).annotate(**also).in_bulk(keys)
    gone = keys - rows.keys()
    return {key: model(pk=key) for key in gone} | deleted_rows(model, gone) | rows


# --- One person -------------------------------------------------------------------------------------------------
def stays_of(person: User, since: datetime, until: datetime, viewer: User | None = None) -> list[Stay]:
    """Where a person was assigned and worked between `since` and `until`, by time, as far as the viewer may see it.

    Three queries, and one for warehouses that were deleted for good.
    """
    own = PastAssignment.objects.filter(user=person.pk, recorded_at__lt=until)
    steps = _steps_of(_seen(own, viewer))
    places = {step.warehouse_id for one in steps.values() for step in one if step.user_id == person.pk}
    warehouses = _by_key(Warehouse, places)
    stays = [
        Stay(warehouses[place], working, spell)
        for one in steps.values()
        for place in dict.fromkeys(step.warehouse_id for step in one if step.user_id == person.pk)
        for working in (False, True)
        for spell in spells(one, (person.pk, place), working=working)
        if spell.meets(since, until)
    ]
    return sorted(stays, key=lambda stay: (stay.spell.since, stay.warehouse.pk, stay.is_work))


def _steps_of(events: Any) -> dict[int, list[PastState]]:
    """All events of the assignments of these events.

    By two queries: in one, PostgreSQL takes each event for one of another assignment, and may read the whole table.
    """
    return _steps(list(events.order_by().values_list("id", flat=True).distinct()))


def _steps(ids: list[int]) -> dict[int, list[PastState]]:
    """All events of these assignments, by the assignment's id."""
    steps: dict[int, list[PastState]] = defaultdict(list)
    for row in PastAssignment.objects.filter(id__in=ids).order_by("id", "event").values_list(*COLUMNS):
        steps[row[0]].append(PastState(*row))
    return steps


# --- What is not known ------------------------------------------------------------------------------------------
def unrecorded(moment: datetime, viewer: User | None = None, **of: Any) -> int:
    """The number of today's assignments, at most `MAX_ROWS`, that are older than `moment`, but not their history.

    `of` is a user or a warehouse.
    """
    rows = _seen(WarehouseUserAssignment.objects.filter(created_at__lte=moment, **of), viewer).order_by()
    recorded = PastAssignment.objects.filter(id=OuterRef("pk"), recorded_at__lte=moment)
    return int(rows.filter(~Exists(recorded)).values("pk")[:MAX_ROWS].count())
