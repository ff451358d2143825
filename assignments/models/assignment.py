"""Assignments of warehouses to warehouse users, and the rule: a user has at most one active assignment (contract 0.3).

A partial unique index enforces the rule. The write methods make the index fail for no caller: each locks the user's row
first, since rows that do not exist yet cannot be locked. Nothing else writes `is_active`.
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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assignments import bulk_sql, errors
from assignments.bulk_sql import UserWarehouse
from assignments.querysets import AssignmentQueries
from config.database.compiled_queries import Parameter, Select, Update
from config.history.tracking import tracked
from config.identifiers import parse_uuid
from config.rule_errors import RuleError, RuleViolation
from users.models import User
from warehouses.models import Warehouse


class AssignedCounts(NamedTuple):
    """The numbers of assignments that `set_assignments` created and deleted."""

    assigned: int
    deassigned: int


class AssignmentQuerySet(AssignmentQueries):
    """The write methods of several rows, and of new ones."""

    def assign(self, *, user_uuid: str, warehouse_uuid: str, is_active: bool = False) -> WarehouseUserAssignment:
        """Assigns a warehouse to a warehouse user and, if `is_active`, activates the assignment.

        Raises RuleError with every violation, in the order of contract section 2.6.
        """
        with transaction.atomic():
            user = User.objects.locked().filter(uuid=parse_uuid(user_uuid)).first()
            warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
            if violations := self._violations(user, warehouse):
                raise RuleError(*violations)
            if is_active and user:  # before the insert, since PostgreSQL checks the partial index row by row
                _DEACTIVATE_OTHERS.run(user=user.pk, row=0)
            return self.create(user=user, warehouse=warehouse, is_active=is_active, activation=int(is_active))

    def violations_of(self, *, user_uuid: str | None, warehouse_uuid: str | None) -> list[RuleViolation]:
        """The violations that `assign` would raise for the values that are given. Writes nothing."""
        user = User.objects.filter(uuid=parse_uuid(user_uuid)).first()
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
        given = {errors.USER_NOT_FOUND: user_uuid, errors.WAREHOUSE_NOT_FOUND: warehouse_uuid}
        return [one for one in self._violations(user, warehouse) if given.get(one, "both") is not None]

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
        """`set_assignments` of one user."""
        return self.set_assignments(
            add=[(user.pk, one.pk) for one in add], remove=[(user.pk, one.pk) for one in remove]
        )

    def set_people(self, warehouse: Warehouse, *, add: Iterable[User], remove: Iterable[User]) -> AssignedCounts:
        """`set_assignments` of one warehouse."""
        return self.set_assignments(
            add=[(user.pk, warehouse.pk) for user in add], remove=[(user.pk, warehouse.pk) for user in remove]
        )

    def set_assignments(self, *, add: Collection[UserWarehouse], remove: Collection[UserWarehouse]) -> AssignedCounts:
        """Creates inactive assignments and deletes others, all or nothing. Existing ones in `add` stay as they are.

        Raises RuleError 5202 if one of the users is no warehouse user.
        """
        with transaction.atomic():
            _lock_assignable(user_id for user_id, _warehouse_id in (*add, *remove))
            deassigned = bulk_sql.deassign(remove)
            assigned = bulk_sql.assign(add)
        return AssignedCounts(assigned, deassigned)

    def set_active(self, rows: Collection[tuple[int, int, bool]]) -> None:
        """Assigns warehouses and sets which assignments are active, all or nothing.

        Rows are user id, warehouse id, is active; at most one row of a user is active. Raises RuleError 5202 if one of
        the users is no warehouse user.
        """
        with transaction.atomic():
            _lock_assignable(user_id for user_id, _warehouse_id, _is_active in rows)
            bulk_sql.set_active(rows)

    def lock_people(self) -> None:
        """Locks the users of these assignments in the order of their keys (`users.locks`)."""
        len(User.objects.locked().filter(assignments__in=self.order_by().values("pk")).order_by("pk").only("pk"))


class AssignmentManager(models.Manager.from_queryset(AssignmentQuerySet)):  # type: ignore[misc]
    """Queries of nearly every request, compiled once: methods of the manager, as they need no queryset."""

    def first_visible_to(self, user: User, limit: int) -> list[WarehouseUserAssignment]:
        """`visible_to(user).with_shown_columns()[:limit]`."""
        return _first(user.sees_everyone, limit).all(user=user.pk)

    def one_visible_to(self, user: User, assignment_uuid: UUID) -> WarehouseUserAssignment | None:
        """The row with this uuid of `visible_to(user).with_shown_columns()`."""
        return _one(user.sees_everyone).first(user=user.pk, uuid=assignment_uuid)

    def active_for(self, user: User) -> WarehouseUserAssignment | None:
        """The active assignment, if it grants a warehouse token (contract 0.4)."""
        return _GRANTING.first(user=user.pk)


@tracked(exclude=["created_at", "updated_at"])
class WarehouseUserAssignment(models.Model):
    """One warehouse assigned to one user. The warehouse of the active assignment is the user's current warehouse."""

    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Assigned"), "delete": _("Deassigned")}

    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="assignments")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="assignments")
    is_active = models.BooleanField(_("works here now"), default=False, db_default=False, editable=False)
    #: Number of activations. A warehouse token belongs to one of them: it stays withdrawn after a later one.
    activation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True, db_default=Now())

    objects = AssignmentManager()

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
            # For the list of who works now: its rows are those of this index, whatever their part of all rows.
            models.Index(fields=["id"], condition=models.Q(is_active=True), name="assignment_active"),
            models.Index(fields=["created_at", "id"], name="assignment_by_created_at"),
            models.Index(fields=["updated_at", "id"], name="assignment_by_updated_at"),
            models.Index(fields=["warehouse", "id"], name="assignment_by_warehouse"),
            # For sorting within one warehouse: without them PostgreSQL reads all rows in that order and filters them.
            models.Index(fields=["warehouse", "is_active", "id"], name="assignment_here_by_is_active"),
            models.Index(fields=["warehouse", "created_at", "id"], name="assignment_here_by_created_at"),
            models.Index(fields=["warehouse", "updated_at", "id"], name="assignment_here_by_updated_at"),
            models.Index(fields=["warehouse"], condition=models.Q(is_active=True), name="assignment_standing"),
        ]

    def __str__(self) -> str:
        return f"{self.user.get_full_name()} → {self.warehouse}"

    @property
    def works_now(self) -> bool:
        """Whether the person works in this warehouse now, as `AssignmentQueries.working`."""
        return self.is_active and self.user.can_work and self.warehouse.is_active

    @property
    def why_idle(self) -> str:
        """Why nobody works there by an active assignment."""
        why = str(self.user.get_status_display())
        if self.user.is_active:
            why = gettext("warehouse not available") if self.user.can_work else gettext("not a warehouse user any more")
        return gettext("Not now: %(why)s") % {"why": why}

    def activate(self) -> None:
        """Makes this the user's only active assignment.

        Raises RuleError 5202 if the user is no warehouse user, 5201 if the row was deleted.
        """
        with transaction.atomic():
            _lock_assignable([self.user_id])
            if not self._is_already(active=True):
                self._make_active()

    def deactivate(self) -> None:
        """Leaves the user without an active assignment, if this one is active. Raises as `activate` does."""
        with transaction.atomic():
            _lock_assignable([self.user_id])
            if not self._is_already(active=False):
                self._set_active(False)

    def deassign(self) -> None:
        """Deletes the assignment. Raises RuleError 5201 if it was deleted before."""
        with transaction.atomic():
            _LOCK_USER.all(user=self.user_id)
            removed, _per_model = self.delete()
            if not removed:
                raise RuleError(errors.NOT_FOUND)

    def _is_already(self, *, active: bool) -> bool:
        """Whether there is nothing to write, by the row as it is under the lock."""
        rows = WarehouseUserAssignment.objects
        return self.is_active is active and rows.filter(pk=self.pk, is_active=active).exists()

    def _make_active(self) -> None:
        # Two statements: PostgreSQL checks the partial index row by row, so one UPDATE of both rows would violate it.
        _DEACTIVATE_OTHERS.run(user=self.user_id, row=self.pk)
        self._set_active(True)

    def _set_active(self, is_active: bool) -> None:
        """Writes only a real change: a repeated request withdraws no token."""
        changed = (_ACTIVATE if is_active else _DEACTIVATE).run(row=self.pk)
        if not changed and not WarehouseUserAssignment.objects.filter(pk=self.pk).exists():
            raise RuleError(errors.NOT_FOUND)
        self.is_active = is_active


# --- Statements of nearly every request, compiled once ----------------------------------------------------------
_ROW = Parameter("row", models.BigIntegerField())
_USER = Parameter("user", models.BigIntegerField())
_rows = WarehouseUserAssignment.objects


@cache
def _one(sees_everyone: bool) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_shown_columns().filter(uuid=Parameter("uuid", models.UUIDField()))
    return Select(lambda: rows if sees_everyone else rows.filter(user_id=_USER))


@lru_cache(maxsize=100)
def _first(sees_everyone: bool, limit: int) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_shown_columns().order_by("id")
    return Select(lambda: (rows if sees_everyone else rows.filter(user_id=_USER))[:limit])


_GRANTING: Select[WarehouseUserAssignment] = Select(lambda: _rows.granting(_USER))
_DEACTIVATE_OTHERS = Update(
    lambda: _rows.filter(user_id=_USER, is_active=True).exclude(pk=_ROW), is_active=False, updated_at=Now()
)
_ACTIVATE = Update(
    lambda: _rows.filter(pk=_ROW, is_active=False),
    is_active=True,
    updated_at=Now(),
    activation=models.F("activation") + 1,
)
_DEACTIVATE = Update(lambda: _rows.filter(pk=_ROW, is_active=True), is_active=False, updated_at=Now())
_LOCK_USER: Select[User] = Select(lambda: User.objects.locked().filter(pk=_USER).only("is_warehouse_user", "status"))


def _lock_assignable(user_ids: Iterable[int]) -> None:
    """Locks these users in the order of their keys (`users.locks`).

    Raises RuleError 5202 if one of them does not exist or is no warehouse user.
    """
    pks = set(user_ids)
    if len(pks) == 1:
        locked = _LOCK_USER.all(user=next(iter(pks)))
    else:
        locked = [*User.objects.locked().filter(pk__in=pks).order_by("pk").only("is_warehouse_user", "status")]
    if sum(user.may_be_assigned for user in locked) < len(pks):
        raise RuleError(errors.USER_NOT_FOUND)
