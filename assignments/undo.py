"""Undoes changes of assignments and managed warehouses: gives, takes, puts back periods and where people work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from assignments.models.managed_warehouse import outlasts
from config.database.periods import Period, database_now
from config.history.change_sets import Since
from config.history.undo.plan import CHANGED_SINCE, NO_RIGHT, Kind, Step, Undoer, UndoPlan, register
from users.models import User
from warehouses.models import Warehouse

_ACTIONS = {Kind.REMOVE: "delete", Kind.BRING_BACK: "add", Kind.PUT_BACK: "change"}
_PERIOD = ("starts_at", "ends_at")
_rows = WarehouseUserAssignment.objects


@register
class AssignmentUndoer(Undoer):
    """The locks of their people are enough. They are assigned while their people and warehouses are there."""

    model = WarehouseUserAssignment
    order = 2
    identity: ClassVar[dict[str, Any]] = {"user_id": User, "warehouse_id": Warehouse}
    columns = (*_PERIOD, "is_active")

    # --- What is left out ---
    def check(self, steps: list[Step], plan: UndoPlan) -> None:
        people = User.objects.filter(pk__any_of=[step.change.key[0] for step in steps], is_warehouse_user=True)
        assignable = {*people.listed().values_list("pk", flat=True)}
        existing = _existing(steps)
        for step in steps:
            user_id, warehouse_id = step.change.key
            self._check_rights(step, plan)
            if not (warehouse_id in existing or plan.possible_step(Warehouse, warehouse_id)):
                step.refuse(_("The warehouse is deleted."))
            elif not (user_id in assignable or _becomes_assignable(step, plan)):
                step.refuse(_("This user is deleted, or not a warehouse user any more."))
            _keep_whole_period(step)
        _check_workplaces([step for step in steps if not step.is_refused], plan)
        _keep_warehouses(plan)

    def _check_rights(self, step: Step, plan: UndoPlan) -> None:
        _user_id, warehouse_id = step.change.key
        warehouse = Warehouse(pk=warehouse_id)  # whose is all that a right depends on
        if not self.may(plan.by, _ACTIONS[step.kind], warehouse):
            step.refuse(NO_RIGHT)
        elif step.values.get("is_active") and not self.may(plan.by, "change", warehouse):
            step.leave_out(["is_active"], NO_RIGHT)

    # --- Writing ---
    def write_early(self, steps: list[Step], plan: UndoPlan) -> None:
        """Also all changes of those who will be no warehouse users: later they cannot be changed."""
        _rows.set_assignments(add=[], remove=[step.change.key for step in steps if step.kind is Kind.REMOVE])
        _write(step for step in steps if step.kind is not Kind.REMOVE and not _stays(step, plan))

    def write_late(self, steps: list[Step], plan: UndoPlan) -> None:
        _write(step for step in steps if step.kind is not Kind.REMOVE and _stays(step, plan))


def _write(steps: Iterable[Step]) -> None:
    steps = list(steps)
    assigned = defaultdict(list)
    for step in steps:
        if step.kind is Kind.BRING_BACK:
            assigned[_period(step)].append(step.change.key)
    for period, keys in assigned.items():
        _rows.set_assignments(add=keys, remove=[], period=period)
    changed = (step for step in steps if step.kind is Kind.PUT_BACK)
    _rows.set_periods({step.change.key: _period(step) for step in changed if step.values.keys() & {*_PERIOD}})
    _rows.switch([(*step.change.key, step.values["is_active"]) for step in steps if "is_active" in step.values])


def _period(step: Step) -> Period:
    return Period(*(step.result[name] for name in _PERIOD))


@register
class ManagedWarehouseUndoer(Undoer):
    """Which warehouses people manage: as on the page *Managed warehouses*, whoever may change the person may do it."""

    model = ManagedWarehouse
    order = 3
    identity: ClassVar[dict[str, Any]] = {"user_id": User, "warehouse_id": Warehouse}
    columns = _PERIOD

    def may(self, person: Any, action: str, row: Any = None) -> bool:
        return bool(person.may_somewhere("users.change_user"))

    def check(self, steps: list[Step], plan: UndoPlan) -> None:
        people = User.objects.listed().with_changeable_by(plan.by).in_bulk({step.change.key[0] for step in steps})
        existing = _existing(steps)
        for step in steps:
            user_id, warehouse_id = step.change.key
            person = people.get(user_id)
            if person is None:
                step.refuse(_("This user is deleted."))
            elif person == plan.by or not (self.may(plan.by, "change") and person.may_be_changed_by(plan.by)):
                step.refuse(NO_RIGHT)
            elif not (warehouse_id in existing or plan.possible_step(Warehouse, warehouse_id)):
                step.refuse(_("The warehouse is deleted."))
            elif step.kind is not Kind.REMOVE and outlasts(plan.by, warehouse_id, _period(step)):
                step.refuse(NO_RIGHT)
            _keep_whole_period(step)

    def write_early(self, steps: list[Step], plan: UndoPlan) -> None:
        _set_managed(step for step in steps if step.kind is Kind.REMOVE)

    def write_late(self, steps: list[Step], plan: UndoPlan) -> None:
        _set_managed(step for step in steps if step.kind is not Kind.REMOVE)


def _set_managed(steps: Iterable[Step]) -> None:
    chosen = defaultdict(list)
    for step in steps:
        chosen[step.change.key[0], step.kind is Kind.REMOVE, _period(step)].append(Warehouse(pk=step.change.key[1]))
    for (user_id, is_taken, period), warehouses in sorted(chosen.items(), key=lambda one: one[0][0]):
        given, taken = ([], warehouses) if is_taken else (warehouses, [])
        ManagedWarehouse.objects.set_for(User(pk=user_id), add=given, remove=taken, period=period)


# --- People and warehouses ---
def _existing(steps: list[Step]) -> set[int]:
    """The keys of the warehouses that are there."""
    return {*Warehouse.objects.filter(pk__in={step.change.key[1] for step in steps}).values_list("pk", flat=True)}


def _stays(step: Step, plan: UndoPlan) -> bool:
    """Whether undoing leaves the person assignable. Of others, only those that are it now have steps."""
    of_person = plan.possible_step(User, step.change.key[0])
    return of_person is None or _is_assignable(of_person)


def _is_assignable(step: Step) -> bool:
    """As `User.may_be_assigned`."""
    return step.result["is_warehouse_user"] and step.result["status"] != User.Status.DELETED


def _becomes_assignable(step: Step, plan: UndoPlan) -> bool:
    """Whether the person is a warehouse user after people are put back, in time for this step."""
    of_person = plan.possible_step(User, step.change.key[0])
    return step.kind is not Kind.REMOVE and of_person is not None and _is_assignable(of_person)


def _keep_warehouses(plan: UndoPlan) -> None:
    """A warehouse that was created stays if anybody is assigned there otherwise."""
    removed = {step.now["id"]: step for step in plan.possible(Warehouse) if step.kind is Kind.REMOVE}
    for key in _rows.filter(warehouse__in=removed).values_list("user_id", "warehouse_id"):
        step = plan.possible_step(WarehouseUserAssignment, *key)
        if step is None or step.kind is not Kind.REMOVE:
            removed[key[1]].refuse(_("People are assigned there."))


# --- Periods and activity ---
def _keep_whole_period(step: Step) -> None:
    """One bound alone could make a period that nobody wanted."""
    since = next((step.change.since[name] for name in _PERIOD if name in step.change.since), None)
    if step.kind is Kind.PUT_BACK and since:
        step.leave_out(_PERIOD, CHANGED_SINCE, since)


def _check_workplaces(steps: list[Step], plan: UndoPlan) -> None:
    """People work again where they did if that is now, and they work nowhere else."""
    now, active = database_now(), [step for step in steps if step.values.get("is_active")]
    others = {}
    rows = _rows.active().filter(user__in={step.change.key[0] for step in active}).select_related("warehouse")
    for row in rows:
        undone = plan.possible_step(WarehouseUserAssignment, row.user_id, row.warehouse_id)
        if undone is None or not (undone.kind is Kind.REMOVE or "is_active" in undone.values):
            others[row.user_id] = row
    since = _active_since(others.values())
    for step in active:
        if not _period(step).includes(now):
            step.leave_out(["is_active"], _("The period of the assignment is not now."))
        elif other := others.get(step.change.key[0]):
            step.leave_out(["is_active"], *_works_in(other, plan.by, since.get(other.pk)))


def _works_in(row: WarehouseUserAssignment, by: User, since: Since | None) -> tuple[Any, Since | None]:
    """What one may know of the warehouse where a person works, and since when they do."""
    if by.is_confined and row.warehouse_id not in by.managed:
        return _("They work in another warehouse now."), None
    return _("They work in “%(name)s” now.") % {"name": row.warehouse}, since


def _active_since(rows: Iterable[WarehouseUserAssignment]) -> dict[int, Since]:
    """Primary key → the newest change of rows that are active."""
    events: Any = WarehouseUserAssignment
    found = events.pgh_event_model.objects.filter(pgh_obj__in=[row.pk for row in rows]).order_by("pgh_id")
    told = found.values_list("pgh_obj", "pgh_created_at", "pgh_context__user")
    return {pk: Since(moment, user) for pk, moment, user in told}
