"""Who works where, and the rule at the heart: at most one assignment of a person is active.

The rule is a partial unique index; the write methods below only spare callers its violations. Five of them write
assignments, and nothing else writes `is_active`: `assign`, `set_pairs`, `set_many`, `activate`, `deactivate`. Each
locks the *person's* row first: siblings that do not exist yet cannot be locked.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.contrib.postgres.functions import RandomUUID
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from assignments import bulk_sql, errors
from assignments.bulk_sql import Pair
from assignments.querysets import FindingAssignments
from config.history import tracked
from config.identifiers import parse_uuid
from config.rule_errors import RuleError, RuleViolation
from config.statements import Given, Select, Update
from users.models import User
from warehouses.models import Warehouse


class AssignedCounts(NamedTuple):
    """How many assignments `set_pairs` made and removed."""

    assigned: int
    deassigned: int


class AssignmentQuerySet(FindingAssignments):
    def first_visible_to(self, user: User, limit: int) -> list[WarehouseUserAssignment]:
        """`visible_to(user).with_what_is_shown()[:limit]`, compiled once."""
        return _first(user.sees_everyone, limit).all(user=user.pk)

    def one_visible_to(self, user: User, assignment_uuid: UUID) -> WarehouseUserAssignment | None:
        """The one with this uuid, of `visible_to(user).with_what_is_shown()`, compiled once."""
        return _one(user.sees_everyone).first(user=user.pk, uuid=assignment_uuid)

    def active_for(self, user: User) -> WarehouseUserAssignment | None:
        """Where this person stands, if they may be given a token for it (contract 0.4)."""
        return _STANDING.first(user=user.pk)

    def assign(self, *, user_uuid: str, warehouse_uuid: str, is_active: bool = False) -> WarehouseUserAssignment:
        """Assigns a warehouse to a warehouse user and, if asked, makes it the active one.

        Raises RuleError with every violation, in the order of contract section 2.6.
        """
        with transaction.atomic():
            user = User.objects.locked().filter(uuid=parse_uuid(user_uuid)).first()
            warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
            if violations := self._violations(user, warehouse):
                raise RuleError(*violations)
            assignment = self.create(user=user, warehouse=warehouse)
            if is_active:
                assignment._stand_here()
        return assignment

    def violations_of(self, *, user_uuid: str | None, warehouse_uuid: str | None) -> list[RuleViolation]:
        """What `assign` would refuse, for the members that are given. Changes nothing."""
        user = User.objects.filter(uuid=parse_uuid(user_uuid)).first()
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
        return [
            violation
            for violation in self._violations(user, warehouse)
            if not (violation is errors.USER_NOT_FOUND and user_uuid is None)
            and not (violation is errors.WAREHOUSE_NOT_FOUND and warehouse_uuid is None)
        ]

    def _violations(self, user: User | None, warehouse: Warehouse | None) -> list[RuleViolation]:
        violations = []
        if user is None or not user.may_be_assigned:
            violations.append(errors.USER_NOT_FOUND)
        if warehouse is None:
            violations.append(errors.WAREHOUSE_NOT_FOUND)
        if user and warehouse and self.filter(user=user, warehouse=warehouse).exists():
            violations.append(errors.ALREADY_EXISTS)
        return violations

    def set_warehouses(self, user: User, *, add: Iterable[Warehouse], remove: Iterable[Warehouse]) -> AssignedCounts:
        """`set_pairs` for one person."""
        return self.set_pairs(
            add=[(user.pk, warehouse.pk) for warehouse in add],
            remove=[(user.pk, warehouse.pk) for warehouse in remove],
        )

    def set_people(self, warehouse: Warehouse, *, add: Iterable[User], remove: Iterable[User]) -> AssignedCounts:
        """`set_pairs` for one warehouse."""
        return self.set_pairs(
            add=[(user.pk, warehouse.pk) for user in add], remove=[(user.pk, warehouse.pk) for user in remove]
        )

    def set_pairs(self, *, add: Collection[Pair], remove: Collection[Pair]) -> AssignedCounts:
        """Assigns and deassigns many warehouses of many people at once, all or nothing.

        New rows are inactive; what is already so stays so. Raises RuleError 5202 if one is no warehouse user.
        """
        with transaction.atomic():
            _lock_assignable(user_id for user_id, _warehouse_id in (*add, *remove))
            deassigned = bulk_sql.deassign(remove)
            assigned = bulk_sql.assign(add)
        return AssignedCounts(assigned, deassigned)

    def lock_people(self) -> None:
        """Locks whose assignments these are, in the order of their keys (`users.locks`)."""
        len(User.objects.locked().filter(assignments__in=self.order_by().values("pk")).order_by("pk").only("pk"))

    def set_many(self, wanted: Iterable[tuple[int, int, bool]]) -> None:
        """Assigns many warehouses to many people at once and says of each pair whether the person stands there.

        Pairs are (user id, warehouse id, stands there); a person may stand in one of them only. All or nothing.
        Raises RuleError 5202 if one is no warehouse user.
        """
        told = [*wanted]
        with transaction.atomic():
            _lock_assignable(user_id for user_id, _warehouse_id, _stands_here in told)
            bulk_sql.assign((user_id, warehouse_id) for user_id, warehouse_id, _stands_here in told)
            bulk_sql.switch(told)


@tracked(exclude=["created_at", "updated_at"])
class WarehouseUserAssignment(models.Model):
    """One warehouse assigned to one person; the active one is where the person stands now."""

    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Assigned"), "delete": _("Deassigned")}

    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="assignments")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="assignments")
    is_active = models.BooleanField(_("stands here now"), default=False, db_default=False, editable=False)
    #: How often it was made active. A warehouse token belongs to one of those times: after the person left and
    #: came back, the token from before stays withdrawn.
    activation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True, db_default=Now())

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="assignment_uuid_unique"),
            models.UniqueConstraint(
                fields=["user", "warehouse"],
                name="assignment_user_warehouse_unique",
                violation_error_code=errors.ALREADY_EXISTS.code,
                violation_error_message=errors.ALREADY_EXISTS.message,
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_active=True),
                name="assignment_one_active_per_user",
                violation_error_code=errors.TOO_MANY_ACTIVE.code,
                violation_error_message=errors.TOO_MANY_ACTIVE.message,
            ),
        ]
        indexes = [
            models.Index(fields=["is_active", "id"], name="assignment_by_is_active"),
            models.Index(fields=["created_at", "id"], name="assignment_by_created_at"),
            models.Index(fields=["updated_at", "id"], name="assignment_by_updated_at"),
            models.Index(fields=["warehouse", "id"], name="assignment_by_warehouse"),
            # Each order within one warehouse: PostgreSQL would rather read the whole order and throw the others away.
            models.Index(fields=["warehouse", "is_active", "id"], name="assignment_here_by_is_active"),
            models.Index(fields=["warehouse", "created_at", "id"], name="assignment_here_by_created_at"),
            models.Index(fields=["warehouse", "updated_at", "id"], name="assignment_here_by_updated_at"),
            models.Index(fields=["warehouse"], condition=models.Q(is_active=True), name="assignment_standing"),
        ]

    def __str__(self) -> str:
        return f"{self.user.get_full_name()} → {self.warehouse}"

    def activate(self) -> None:
        """Makes this the one warehouse the person stands in; the one before becomes inactive.

        Raises RuleError 5202 when the person is no warehouse user any more, 5201 when the row is gone.
        """
        with transaction.atomic():
            _lock_assignable([self.user_id])
            if not self._is_already(active=True):
                self._stand_here()

    def deactivate(self) -> None:
        """The person stands here no longer; nothing else becomes active. Raises as `activate` does."""
        with transaction.atomic():
            _lock_assignable([self.user_id])
            if not self._is_already(active=False):
                self._switch(to=False)

    def deassign(self) -> None:
        """Takes the warehouse away from the person. Raises RuleError 5201 when somebody else was faster."""
        with transaction.atomic():
            _LOCKED.all(user=self.user_id)
            removed, _per_model = self.delete()
            if not removed:
                raise RuleError(errors.NOT_FOUND)

    def _is_already(self, *, active: bool) -> bool:
        """Whether there is nothing to do. What was read before the person was locked is looked at again."""
        rows = WarehouseUserAssignment.objects
        return self.is_active is active and rows.filter(pk=self.pk, is_active=active).exists()

    def _stand_here(self) -> None:
        # Two statements: one UPDATE that flips both rows trips the partial index, which is checked row by row.
        _LEAVE_OTHERS.run(user=self.user_id, row=self.pk)
        self._switch(to=True)

    def _switch(self, *, to: bool) -> None:
        """Writes only a real change, so that repeating a request withdraws no token."""
        changed = (_STAND if to else _LEAVE).run(row=self.pk)
        if not changed and not WarehouseUserAssignment.objects.filter(pk=self.pk).exists():
            raise RuleError(errors.NOT_FOUND)
        self.is_active = to


# --- Statements of nearly every request, compiled once ----------------------------------------------------------
_ROW = Given("row", models.BigIntegerField())
_USER = Given("user", models.BigIntegerField())
_rows = WarehouseUserAssignment.objects


@cache
def _one(sees_everyone: bool) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_what_is_shown().filter(uuid=Given("uuid", models.UUIDField()))
    return Select(lambda: rows if sees_everyone else rows.filter(user_id=_USER))


@lru_cache(maxsize=100)
def _first(sees_everyone: bool, limit: int) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_what_is_shown().order_by("id")
    return Select(lambda: (rows if sees_everyone else rows.filter(user_id=_USER))[:limit])


_STANDING: Select[WarehouseUserAssignment] = Select(lambda: _rows.granting(_USER))
_LEAVE_OTHERS = Update(
    lambda: _rows.filter(user_id=_USER, is_active=True).exclude(pk=_ROW), is_active=False, updated_at=Now()
)
_STAND = Update(
    lambda: _rows.filter(pk=_ROW, is_active=False),
    is_active=True,
    updated_at=Now(),
    activation=models.F("activation") + 1,
)
_LEAVE = Update(lambda: _rows.filter(pk=_ROW, is_active=True), is_active=False, updated_at=Now())
_LOCKED: Select[User] = Select(lambda: User.objects.locked().filter(pk=_USER).only("is_warehouse_user", "status"))


def _lock_assignable(people: Iterable[int]) -> None:
    """Locks these people in the order of their keys, so that no two calls wait for each other.

    Raises RuleError 5202 if one of them is not there or no warehouse user.
    """
    pks = set(people)
    if len(pks) == 1:
        locked = _LOCKED.all(user=next(iter(pks)))
    else:
        locked = [*User.objects.locked().filter(pk__in=pks).order_by("pk").only("is_warehouse_user", "status")]
    if sum(person.may_be_assigned for person in locked) < len(pks):
        raise RuleError(errors.USER_NOT_FOUND)
