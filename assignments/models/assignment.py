"""Assignments of warehouses to warehouse users, and the rule: a user has at most one active assignment (contract 0.3).

A partial unique index enforces the rule. The write methods make the index fail for no caller: each locks the user's row
first, since rows that do not exist yet cannot be locked. Nothing else writes `is_active`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.functions import RandomUUID
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from assignments import errors
from assignments.models.bulk_writes import LOCK_USER, BulkWrites, lock_assignable
from assignments.models.state import AssignmentState
from assignments.querysets import ACTIVE, ENDS_AT, STARTS_AT
from config.database.compiled_queries import Parameter, Select, Update
from config.database.periods import ALWAYS, Period, current
from config.history.tracking import tracked
from config.identifiers import parse_uuid
from config.rule_errors import RuleError, RuleViolation
from users.models import User
from warehouses.models import Warehouse


class AssignmentQuerySet(BulkWrites):
    """The write method of a new row."""

    def assign(
        self, *, user_uuid: str, warehouse_uuid: str, is_active: bool = False, period: Period = ALWAYS
    ) -> WarehouseUserAssignment:
        """Assigns a warehouse to a warehouse user for a period and, if `is_active`, activates the assignment.

        An assignment whose period is over is renewed. Raises RuleError with every violation, in the order of contract
        section 2.6, and last those of the period.
        """
        with transaction.atomic():
            user = User.objects.locked().filter(uuid=parse_uuid(user_uuid)).first()
            warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
            existing = self._existing(user, warehouse)
            violations = [*_violations(user, warehouse, existing), *_period_violations(period, is_active)]
            if violations:
                raise RuleError(*violations)
            if is_active and user:  # before the insert, since PostgreSQL checks the partial index row by row
                _DEACTIVATE_OTHERS.run(user=user.pk, row=0)
            row: WarehouseUserAssignment = existing or self.model(user=user, warehouse=warehouse)
            row._begin(period, is_active=is_active)
            return row

    def violations_of(self, *, user_uuid: str | None, warehouse_uuid: str | None) -> list[RuleViolation]:
        """The violations that `assign` would raise for the values that are given. Writes nothing."""
        user = User.objects.filter(uuid=parse_uuid(user_uuid)).first()
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(warehouse_uuid)).first()
        given = {errors.USER_NOT_FOUND: user_uuid, errors.WAREHOUSE_NOT_FOUND: warehouse_uuid}
        found = _violations(user, warehouse, self._existing(user, warehouse))
        return [one for one in found if given.get(one, "both") is not None]

    def _existing(self, user: User | None, warehouse: Warehouse | None) -> WarehouseUserAssignment | None:
        if user is None or warehouse is None:
            return None
        return self.with_is_over().filter(user=user, warehouse=warehouse).first()


class AssignmentManager(models.Manager.from_queryset(AssignmentQuerySet)):  # type: ignore[misc]
    """Queries of nearly every request, compiled once: methods of the manager, as they need no queryset."""

    def first_visible_to(self, user: User, limit: int) -> list[WarehouseUserAssignment]:
        """`visible_to(user).with_shown_columns()[:limit]`, for a warehouse user only those that are current."""
        if user.is_confined:
            return [*self.visible_to(user).with_shown_columns().order_by("id")[:limit]]
        return _first(user.acts_for_others, limit).all(user=user.pk)

    def one_visible_to(self, user: User, assignment_uuid: UUID) -> WarehouseUserAssignment | None:
        """The row with this uuid of `visible_to(user).with_shown_columns()`."""
        if user.is_confined:
            return self.visible_to(user).with_shown_columns().filter(uuid=assignment_uuid).first()
        return _one(user.acts_for_others).first(user=user.pk, uuid=assignment_uuid)

    def active_for(self, user: User) -> WarehouseUserAssignment | None:
        """The active assignment, if it grants a warehouse token (contract 0.4)."""
        return _GRANTING.first(user=user.pk)


_HAS_END = models.Q(ends_at__isnull=False)


@tracked(exclude=["created_at", "updated_at"])
class WarehouseUserAssignment(AssignmentState, models.Model):
    """One warehouse assigned to one user. The warehouse of the active assignment is the user's current warehouse."""

    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Assigned"), "delete": _("Deassigned")}

    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="assignments")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="assignments")
    is_active = models.BooleanField(_("works here now"), default=False, db_default=False, editable=False)
    #: Number of activations. A warehouse token belongs to one of them: it stays withdrawn after a later one.
    activation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    #: The period, half-open; None: without a bound. Outside of it the assignment counts for nothing.
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
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
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")),
                name="assignment_period_ends_after_start",
                violation_error_code=errors.INVALID_PERIOD.code,
                violation_error_message=errors.INVALID_PERIOD.message,
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
            models.Index(STARTS_AT, "id", name="assignment_by_starts_at"),
            models.Index(ENDS_AT, "id", name="assignment_by_ends_at"),
            # To count those of a warehouse that are over, and to find those of all that are still stored as active.
            models.Index(fields=["warehouse", "ends_at"], condition=_HAS_END, name="assignment_here_by_ends_at"),
            models.Index(
                fields=["ends_at"], condition=_HAS_END & models.Q(is_active=True), name="assignment_active_ends_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user.get_full_name()} → {self.warehouse}"

    def activate(self) -> None:
        """Makes this the user's only active assignment.

        Raises RuleError 5202 if the user is no warehouse user, 5201 if the row was deleted, 5207 if its period is not
        now.
        """
        with transaction.atomic():
            lock_assignable([self.user_id])
            if not self._is_already(active=True):
                # Two statements: PostgreSQL checks the partial index row by row, so one UPDATE would violate it.
                _DEACTIVATE_OTHERS.run(user=self.user_id, row=self.pk)
                self._set_active(True)

    def deactivate(self) -> None:
        """Leaves the user without an active assignment, if this one is active. Raises as `activate` does."""
        with transaction.atomic():
            lock_assignable([self.user_id])
            if not self._is_already(active=False):
                self._set_active(False)

    def set_period(self, **bounds: datetime | None) -> None:
        """Changes `starts_at`, `ends_at` or both. Ends the activity, if the former or the new period is not now.

        Raises RuleError 5208 for an invalid period, otherwise as `deactivate` does.
        """
        with transaction.atomic():
            lock_assignable([self.user_id])
            row = WarehouseUserAssignment.objects.filter(pk=self.pk).first()
            if row is None:
                raise RuleError(errors.NOT_FOUND)
            period = Period(**{"starts_at": row.starts_at, "ends_at": row.ends_at} | bounds)
            WarehouseUserAssignment.objects.set_periods({(row.user_id, row.warehouse_id): period})
            self.refresh_from_db(fields=["is_active"])
        self.starts_at, self.ends_at = period
        self._note_state(is_active=self.is_active, is_current=period.is_current)

    def deassign(self) -> None:
        """Deletes the assignment. Raises RuleError 5201 if it was deleted before."""
        with transaction.atomic():
            LOCK_USER.all(user=self.user_id)
            removed, _per_model = self.delete()
            if not removed:
                raise RuleError(errors.NOT_FOUND)

    def _begin(self, period: Period, *, is_active: bool) -> None:
        """Inserts the row with this period, or renews it."""
        self.starts_at, self.ends_at = period
        self.is_active, self.activation = is_active, self.activation + is_active
        written = ["starts_at", "ends_at", "is_active", "activation", "updated_at"]
        self.save(update_fields=written if self.pk else None)
        self._note_state(is_active=is_active, is_current=is_active or period.is_current)

    def _is_already(self, *, active: bool) -> bool:
        """Whether there is nothing to write, by the row as it is under the lock."""
        condition = ACTIVE if active else models.Q(is_active=False)
        return self.is_active is active and WarehouseUserAssignment.objects.filter(condition, pk=self.pk).exists()

    def _set_active(self, is_active: bool) -> None:
        """Writes only a real change: a repeated request withdraws no token."""
        changed = (_ACTIVATE if is_active else _DEACTIVATE).run(row=self.pk)
        if not changed:
            self._check_unchanged(is_active)
        self._note_state(is_active=is_active, is_current=is_active or self.period.is_current)

    def _check_unchanged(self, is_active: bool) -> None:
        row = WarehouseUserAssignment.objects.with_is_current().filter(pk=self.pk).first()
        if row is None:
            raise RuleError(errors.NOT_FOUND)
        if is_active and not row.is_current:
            raise RuleError(errors.NOT_CURRENT)


# --- Statements of nearly every request, compiled once ----------------------------------------------------------
_ROW = Parameter("row", models.BigIntegerField())
_USER = Parameter("user", models.BigIntegerField())
_rows = WarehouseUserAssignment.objects


@cache
def _one(acts_for_others: bool) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_shown_columns().filter(uuid=Parameter("uuid", models.UUIDField()))
    return Select(lambda: rows if acts_for_others else rows.filter(user_id=_USER))


@lru_cache(maxsize=100)
def _first(acts_for_others: bool, limit: int) -> Select[WarehouseUserAssignment]:
    rows = _rows.with_shown_columns().order_by("id")
    return Select(lambda: (rows if acts_for_others else rows.current().filter(user_id=_USER))[:limit])


_GRANTING: Select[WarehouseUserAssignment] = Select(lambda: _rows.granting(_USER))
_DEACTIVATE_OTHERS = Update(
    lambda: _rows.filter(user_id=_USER, is_active=True).exclude(pk=_ROW), is_active=False, updated_at=Now()
)
_ACTIVATE = Update(
    lambda: _rows.filter(current(), pk=_ROW, is_active=False),
    is_active=True,
    updated_at=Now(),
    activation=models.F("activation") + 1,
)
_DEACTIVATE = Update(lambda: _rows.filter(pk=_ROW, is_active=True), is_active=False, updated_at=Now())


def _violations(
    user: User | None, warehouse: Warehouse | None, existing: WarehouseUserAssignment | None
) -> Iterator[RuleViolation]:
    if user is None or not user.may_be_assigned:
        yield errors.USER_NOT_FOUND
    if warehouse is None:
        yield errors.WAREHOUSE_NOT_FOUND
    if existing and not existing.is_over:
        yield errors.ALREADY_EXISTS


def _period_violations(period: Period, is_active: bool) -> Iterator[RuleViolation]:
    if not period.is_valid:
        yield errors.INVALID_PERIOD
    elif is_active and not period.is_current:
        yield errors.NOT_CURRENT
