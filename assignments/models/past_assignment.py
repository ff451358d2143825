"""Assignments as they were: the rows of the history of `WarehouseUserAssignment`, read as assignments.

Each event holds the whole row after a change. It applies from the start of the transaction that wrote it until the
next event of the row applies.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Now

from assignments.models.assignment import WarehouseUserAssignment
from config.database.periods import database_now, includes
from config.history.past_states import deleted_rows
from config.history.retention import kept_since
from users.models import User
from warehouses.models import Warehouse

#: The conditions at the moment of `PastAssignmentQuerySet.at`: that a row was current, and that it was active.
WAS_CURRENT = includes(models.F("as_of"))
WAS_ACTIVE = models.Q(is_active=True) & WAS_CURRENT


class PastAssignmentQuerySet(models.QuerySet[Any]):
    def at(self, moment: datetime) -> Any:
        """The assignments that there were at a moment, as they were then: of each, the last event up to then.

        Adds `as_of`, the moment, and `is_current`: whether the row's period included it.

        A subquery, which PostgreSQL answers for each event by an index. An anti-join of the events with themselves
        would read them from the first one on, for every page; and by "=" instead of ">=" PostgreSQL would expect so few
        rows that it sorts all of them for a page.
        """
        up_to_then = PastAssignment.objects.filter(id=models.OuterRef("id"), recorded_at__lte=moment)
        last = models.Subquery(up_to_then.order_by("-event").values("event")[:1])
        return (
            self.filter(~models.Q(label="delete"), recorded_at__lte=moment, event__gte=last)
            .annotate(as_of=models.Value(moment, models.DateTimeField()))
            .annotate(is_current=models.ExpressionWrapper(WAS_CURRENT, models.BooleanField()))
        )

    def visible_to(self, user: User) -> Any:
        """All for a Back Office user; for a confined one, those in the warehouses that they manage now."""
        return self.filter(warehouse__in=user.managed) if user.is_confined else self

    def current(self) -> Any:
        """Of the rows of `at`, those whose period included the moment."""
        return self.filter(WAS_CURRENT)

    def with_is_user_seen(self, user: User) -> Any:
        """Adds `is_user_seen` for a confined person: whether they see the user still."""
        if not user.is_confined:
            return self
        seen = User.objects.visible_to(user).order_by().filter(pk=models.OuterRef("user"))
        return self.annotate(is_user_seen=models.Exists(seen))

    def with_shown_columns(self) -> Any:
        """With user and warehouse as they are now, and only the columns that are shown."""
        own = ("id", "event", "uuid", "is_active", "starts_at", "ends_at")
        of_user = ("user__uuid", "user__email", "user__first_name", "user__last_name", "user__status")
        of_warehouse = ("warehouse__uuid", "warehouse__name", "warehouse__is_active")
        return self.select_related("user", "warehouse").only(*own, *of_user, *of_warehouse)


class PastAssignment(models.Model):
    """One event of the history of an assignment. Unique by `id` only in the rows of `PastAssignmentQuerySet.at`.

    User and warehouse are None if they were deleted for good: `recall_deleted` reads them from their history.
    """

    id = models.BigIntegerField(primary_key=True, db_column="pgh_obj_id")
    event = models.BigIntegerField(db_column="pgh_id")
    recorded_at = models.DateTimeField(db_column="pgh_created_at")
    label = models.TextField(db_column="pgh_label")
    uuid = models.UUIDField()
    user = models.ForeignKey(User, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    warehouse = models.ForeignKey(Warehouse, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    is_active = models.BooleanField()
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)

    #: Whether the period included the moment of `at`.
    is_current: bool
    #: Annotated by `PastAssignmentQuerySet.with_is_user_seen`.
    is_user_seen: bool

    objects = PastAssignmentQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = WarehouseUserAssignment.pgh_event_model._meta.db_table  # type: ignore[attr-defined]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.uuid} at event {self.event}"

    @property
    def is_active_now(self) -> bool:
        """Whether it was active then. Its name is that of the assignment's property, for the serializer."""
        return self.is_active and self.is_current


def recall_deleted(rows: Iterable[PastAssignment]) -> None:
    """Sets users and warehouses that were deleted for good, as they were then. No query if there are none."""
    for name, model in (("user", User), ("warehouse", Warehouse)):
        missing = [row for row in rows if getattr(row, name) is None]
        found = deleted_rows(model, {getattr(row, f"{name}_id") for row in missing})
        for row in missing:
            setattr(row, name, found.get(getattr(row, f"{name}_id")))


def history_span() -> tuple[datetime | None, datetime]:
    """The moment before which nothing is known, and now.

    That is the first event of all (None if there are none), or the beginning of what is kept (`HISTORY_DAYS`).
    """
    first = (
        PastAssignment.objects.order_by("recorded_at", "event").annotate(now=Now()).values_list("recorded_at", "now")
    )
    began_at, now = first.first() or (None, database_now())
    return max(filter(None, (began_at, kept_since())), default=None), now
