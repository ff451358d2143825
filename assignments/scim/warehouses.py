"""The warehouses of a person, as the extension of SCIM's User has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from scim2_models import InvalidValueException

from assignments.models import WarehouseUserAssignment
from assignments.scim import attributes
from config.database.periods import ALWAYS, Period, not_ended
from config.spreadsheets.columns import names_in
from users.models import User
from warehouses.models import Warehouse


def assigned_by(extension: Any, names_before: str | None) -> dict[int, Period]:
    """Key of each warehouse that a resource assigns → period. Raises as `periods_of` does.

    It has them twice: `warehouseNames` decides if that is not what it was before, with the periods of `warehouses`.
    """
    listed = periods_of(extension.warehouses or ())
    if extension.warehouse_names == names_before:
        return listed
    names = names_in(extension.warehouse_names or "")
    named = periods_of(attributes.AssignedWarehouse(value=name) for name in names)
    return {warehouse: listed.get(warehouse, ALWAYS) for warehouse in named}


def periods_of(sent: Iterable[Any]) -> dict[int, Period]:
    """Key of the warehouse → period. Of several of one warehouse, the last counts.

    Raises InvalidValueException for an unknown warehouse, and a time without its offset.
    """
    rows = list(sent)
    if not all(row.value for row in rows):
        raise InvalidValueException(detail="A warehouse needs its uuid or name: value.")
    named = Warehouse.objects.by_names_or_uuids(row.value for row in rows)
    assigned: dict[int, Period] = {}
    for row in rows:
        if row.value not in named:
            raise InvalidValueException(detail=f"There is no warehouse with this uuid or name: {row.value}.")
        assigned[named[row.value].pk] = Period(_moment(row.starts_at), _moment(row.ends_at))
    return assigned


def _moment(sent: datetime | None) -> datetime | None:
    if sent is not None and sent.tzinfo is None:
        raise InvalidValueException(detail="A time needs its offset, such as 2027-01-31T00:00:00Z.")
    return sent


def assign(person: User, wanted: Mapping[int, Period]) -> None:
    """Assigns, deassigns and changes periods, by the write methods of assignments, where they differ.

    Raises InvalidValueException for new ones of somebody who is no warehouse user, RuleError 5208 for an invalid
    period.
    """
    rows = WarehouseUserAssignment.objects.filter(not_ended(), user=person)
    stored = {row.warehouse_id: row.period for row in rows}
    if not person.is_warehouse_user:
        _keep_or_end(rows, stored, wanted)
        return
    removed = [(person.pk, pk) for pk in sorted(stored.keys() - wanted.keys())]
    if removed:
        WarehouseUserAssignment.objects.set_assignments(add=[], remove=removed)
    for pk in sorted(wanted.keys() - stored.keys()):
        WarehouseUserAssignment.objects.set_assignments(add=[(person.pk, pk)], remove=[], period=wanted[pk])
    moved = {(person.pk, pk): wanted[pk] for pk in wanted.keys() & stored.keys() if wanted[pk] != stored[pk]}
    if moved:
        WarehouseUserAssignment.objects.set_periods(moved)


def _keep_or_end(rows: Any, stored: Mapping[int, Period], wanted: Mapping[int, Period]) -> None:
    """The assignments of a locked person who is no warehouse user any more are kept while they are sent."""
    if wanted not in ({}, stored):
        raise InvalidValueException(detail="Only warehouse users have warehouses: isWarehouseUser must be true.")
    if stored and not wanted:
        rows.delete()
