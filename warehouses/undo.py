"""Undoes changes of warehouses. A deleted one comes back with the ids it had."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from config.history.undo.plan import NO_RIGHT, Kind, Step, Undoer, UndoPlan, register
from config.text import name_key
from warehouses.models import NAME_IN_USE, Warehouse

_ACTIONS = {Kind.REMOVE: "delete", Kind.BRING_BACK: "add", Kind.PUT_BACK: "change"}


@register
class WarehouseUndoer(Undoer):
    model = Warehouse
    order = 3
    identity: ClassVar[dict[str, Any]] = {"pgh_obj_id": Warehouse}
    columns = ("name", "note", "is_active")

    def lock(self, pks: Collection[int]) -> None:
        list(Warehouse.objects.select_for_update(no_key=True).filter(pk__any_of=pks).order_by("pk").values_list("pk"))

    def check(self, steps: list[Step], plan: UndoPlan) -> None:
        wanted = [step.values["name"] for step in steps if "name" in step.values]
        taken = {name_key(warehouse.name): warehouse.pk for warehouse in Warehouse.objects.by_names(wanted)}
        for step in steps:
            name = step.values.get("name")
            row = None if step.kind is Kind.BRING_BACK else Warehouse(pk=step.now["id"])
            if not self.may(plan.by, _ACTIONS[step.kind], row):
                step.refuse(NO_RIGHT)
            elif name and taken.get(name_key(name), step.now["id"]) != step.now["id"]:
                if step.kind is Kind.PUT_BACK:
                    step.leave_out(["name"], NAME_IN_USE)
                else:
                    step.refuse(NAME_IN_USE)

    def write_early(self, steps: list[Step], plan: UndoPlan) -> None:
        for step in steps:
            if step.kind is Kind.BRING_BACK:
                Warehouse(pk=step.now["id"], uuid=step.now["uuid"], **step.values).save(force_insert=True)
            elif step.kind is Kind.PUT_BACK:
                warehouse = Warehouse.objects.get(pk=step.now["id"])
                for name, value in step.values.items():
                    setattr(warehouse, name, value)
                warehouse.save()

    def write_late(self, steps: list[Step], plan: UndoPlan) -> None:
        """Removes warehouses, from which people are deassigned by now."""
        for step in steps:
            if step.kind is Kind.REMOVE:
                Warehouse.objects.get(pk=step.now["id"]).remove()
