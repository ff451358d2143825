"""Undo: puts back what a change set changed, by the write methods of the models, where nobody has changed it since.

Each app registers how the changes of its models are undone: an `Undoer` for each model. Others are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import pghistory
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from config.database.sql import row_of
from config.database.timeouts import use_job_limits_in_transaction
from config.history.change_sets import ChangeSet, Key, NetChange, Since, State
from config.history.positions import Operation
from config.history.tracking import HIDDEN, seen_events, tracked_models

CHANGED_SINCE = _("Changed since.")
DELETED_SINCE = _("Deleted since.")
THERE_AGAIN = _("There again since.")
NOT_RECORDED = _("The history does not go back to the time before.")
NO_RIGHT = _("You do not have the right to change this back.")
#: Most events of a change set that is undone. An import of 20,000 people who work somewhere has 40,000.
MAX_EVENTS = 60_000
#: The first number of the advisory lock of a change set that is being undone.
_UNDO_LOCK = 4_711_003


class Kind(Enum):
    """What undoing does to an object."""

    REMOVE = "delete"
    BRING_BACK = "insert"
    PUT_BACK = "update"


@dataclass(frozen=True)
class Obstacle:
    """Why an object, or these columns of it, are left out, and the later change that is the reason, if one is."""

    why: str
    since: Since | None = None
    columns: tuple[str, ...] = ()


@dataclass(eq=False)
class Step:
    """The undoing of one net change."""

    model: type[Model]
    change: NetChange
    kind: Kind
    #: The values to write, by the names of columns.
    values: State
    obstacles: list[Obstacle] = field(default_factory=list)
    is_refused: bool = False

    def refuse(self, why: Any, since: Since | None = None) -> None:
        """Leaves out the whole step."""
        self.obstacles.append(Obstacle(str(why), since))
        self.is_refused = True

    def leave_out(self, columns: Iterable[str], why: Any, since: Since | None = None) -> None:
        """Leaves out these columns, and the step if there is nothing else to write."""
        left_out = self.values.keys() & {*columns}
        if left_out:
            self.obstacles.append(Obstacle(str(why), since, tuple(sorted(left_out))))
            self.values = {name: value for name, value in self.values.items() if name not in left_out}
            self.is_refused |= not self.values and self.kind is not Kind.BRING_BACK

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed that anybody sees."""
        return self.kind is Kind.PUT_BACK and not (self.values or self.obstacles)

    @property
    def now(self) -> State:
        """The object as it is, or as it was last."""
        return self.change.now or self.change.after or self.change.before or {}

    @property
    def result(self) -> State:
        """The object as it will be."""
        return self.now | self.values


class Undoer:
    """How the changes of one model are undone. The methods get the steps of a plan, as far as they are not refused."""

    model: ClassVar[Any]
    #: The place of the model in the order of locks, and of writes: `write_early` follows the reverse, `write_late` it.
    order: ClassVar[int]
    #: The columns of an event that identify an object, each with the model whose row is locked.
    identity: ClassVar[dict[str, Any]]
    #: The columns that can be put back, and why others are not.
    columns: ClassVar[tuple[str, ...]]
    never: ClassVar[Any] = ""
    #: What removal writes; nothing if it deletes the row.
    removal: ClassVar[State] = {}

    def lock(self, pks: Collection[int]) -> None:
        """Locks the rows with these primary keys until the transaction ends."""

    def check(self, steps: list[Step], plan: UndoPlan) -> None:
        """Refuses what the rules, the state of other rows or the rights of `plan.by` do not allow."""
        raise NotImplementedError

    def write_early(self, steps: list[Step], plan: UndoPlan) -> None:
        """Writes what models earlier in the order must find done."""

    def write_late(self, steps: list[Step], plan: UndoPlan) -> None:
        """Writes what needs those models as they will be."""

    def may(self, person: Any, action: str, row: Any = None) -> bool:
        """Whether the person has the permission `add`, `change` or `delete` for a row; without a row, for any."""
        right = f"{self.model._meta.app_label}.{action}_{self.model._meta.model_name}"
        return bool(person.may_somewhere(right) if row is None else person.may(right, row))

    def step(self, change: NetChange) -> Step:
        """The step that undoes a net change, refused as far as it was changed since."""
        if change.before is None and change.is_known_before:
            step = Step(self.model, change, Kind.REMOVE, dict(self.removal))
        elif change.after is None:
            values = {name: (change.before or {})[name] for name in self.columns}
            step = Step(self.model, change, Kind.BRING_BACK, values)
        else:
            step = Step(self.model, change, Kind.PUT_BACK, dict(_changed(change)))
        self._refuse_replaced(step)
        if not step.is_refused:
            self._refuse_changed(step)
        return step

    def _refuse_replaced(self, step: Step) -> None:
        change = step.change
        if not change.is_known_before:
            step.refuse(NOT_RECORDED)
        elif change.replaced:
            step.refuse(DELETED_SINCE if change.now is None else THERE_AGAIN, change.replaced)

    def _refuse_changed(self, step: Step) -> None:
        since = {name: one for name, one in step.change.since.items() if name in self.columns}
        if step.kind is Kind.REMOVE and since:
            step.refuse(CHANGED_SINCE, next(iter(since.values())))
        elif step.kind is Kind.PUT_BACK:
            step.leave_out(step.values.keys() - {*self.columns}, self.never)
            for name, one in since.items():
                step.leave_out([name], CHANGED_SINCE, one)


#: Model → how its changes are undone. The apps add theirs.
UNDOERS: dict[type[Model], Undoer] = {}


def register(undoer: type[Undoer]) -> type[Undoer]:
    """Class decorator."""
    UNDOERS[undoer.model] = undoer()
    return undoer


class UndoPlan:
    """What undoing a change set puts back, and what it leaves out, as far as `by` may do it.

    Changes that `by` may not see, since they are confined, are not in it.
    """

    def __init__(self, operation: Operation, by: Any, *, lock: bool = False) -> None:
        self.operation, self.by = operation, by
        self.undoers = sorted(UNDOERS.values(), key=lambda undoer: undoer.order)
        sets = {undoer: ChangeSet(undoer.model, undoer.identity, operation, by) for undoer in self.undoers}
        changes = {undoer: one.read() for undoer, one in sets.items()}
        if lock:
            self._lock(changes)
        for undoer, found in changes.items():
            sets[undoer].note_later(found)
        #: Model → key → step.
        self.steps: dict[type[Model], dict[Key, Step]] = {
            undoer.model: {key: step for key, change in found.items() if not (step := undoer.step(change)).is_empty}
            for undoer, found in changes.items()
        }
        # Last those that refer to other models.
        for undoer in sorted(self.undoers, key=lambda undoer: undoer.model not in undoer.identity.values()):
            undoer.check(self.possible(undoer.model), self)

    def _lock(self, changes: dict[Undoer, dict[Key, NetChange]]) -> None:
        row_of("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", _UNDO_LOCK, str(self.operation))
        for locked in self.undoers:
            locked.lock(
                {
                    key[place]
                    for undoer, found in changes.items()
                    for place, model in enumerate(undoer.identity.values())
                    if model is locked.model
                    for key in found
                }
            )

    def possible(self, model: type[Model]) -> list[Step]:
        """The steps of a model that are not refused."""
        return [step for step in self.steps[model].values() if not step.is_refused]

    def possible_step(self, model: type[Model], *key: Any) -> Step | None:
        """The step of this object, unless there is none or it is refused."""
        step = self.steps[model].get(key)
        return None if step is None or step.is_refused else step

    @property
    def all_steps(self) -> Iterator[Step]:
        for steps in self.steps.values():
            yield from steps.values()

    @property
    def is_possible(self) -> bool:
        return any(not step.is_refused for step in self.all_steps)

    def write(self) -> None:
        """Does what is possible. Raises what the write methods raise."""
        for undoer in reversed(self.undoers):
            undoer.write_early(self.possible(undoer.model), self)
        for undoer in self.undoers:
            undoer.write_late(self.possible(undoer.model), self)


class Former(NamedTuple):
    """A change set that has undone another, and the primary key of its author."""

    operation: Operation
    user: Any


def undo(operation: Operation, by: Any, reason: str) -> tuple[UndoPlan, Former | None]:
    """Undoes a change set in one transaction, whose events have the reason and `undoes` in their context.

    Returns the plan under the locks, of which all that is possible is written. If the change set was undone before,
    writes nothing, and returns also by what.
    """
    with pghistory.context(reason=reason, undoes=str(operation)), transaction.atomic():
        use_job_limits_in_transaction()
        plan = UndoPlan(operation, by, lock=True)
        former = undone(operation, by)
        if former is None:
            plan.write()
        return plan, former


def undone(operation: Operation, viewer: Any) -> Former | None:
    """By what this change set was undone, as far as the viewer sees it, or None."""
    for undoer in UNDOERS.values():
        if event := ChangeSet(undoer.model, undoer.identity, operation, viewer).undone():
            context = event["pgh_context"]
            return Former(Operation(event["pgh_created_at"], context.get("request_id", "")), context.get("user"))
    return None


def number_of_events(operation: Operation, viewer: Any) -> int:
    """How many of its events, as the viewer sees them, can be undone at all. More than `MAX_EVENTS` would take too
    long.
    """
    return sum(seen_events(model, viewer).filter(operation.events).count() for model in UNDOERS)


def may_undo(person: Any) -> bool:
    """Whether the person has any right to change something back."""
    actions = ("add", "change", "delete")
    return any(undoer.may(person, action) for undoer in UNDOERS.values() for action in actions)


def not_undone(operation: Operation, viewer: Any) -> Counter[type[Model]]:
    """The models without an `Undoer`, each with the number of its events in the change set that the viewer sees."""
    others = [model for model in tracked_models() if model not in UNDOERS]
    numbers = {model: seen_events(model, viewer).filter(operation.events).count() for model in others}
    return Counter({model: number for model, number in numbers.items() if number})


def _changed(change: NetChange) -> Iterator[tuple[str, Any]]:
    """The columns that the change set changed, with their former values."""
    before, after = change.before or {}, change.after or {}
    return ((name, value) for name, value in before.items() if name not in HIDDEN and value != after[name])
