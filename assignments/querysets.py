"""Queries of assignments that write nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.functions import Coalesce, Now

from config.back_office.periods import end_of_soon
from config.database.compiled_queries import Parameter
from config.database.periods import EARLIEST, LATEST, current, ended, not_ended
from config.database.search import by_id
from users.models import User
from users.querysets import PEOPLE, PEOPLE_BY_NAME, active_account
from warehouses.models import WAREHOUSES, Warehouse

#: User id, warehouse id.
UserWarehouse = tuple[int, int]

#: Most users, and most warehouses, that a search matches.
_MAX_FOUND = 100

#: The bounds of the period as values to sort by: None is before or after all others.
STARTS_AT = Coalesce("starts_at", models.Value(EARLIEST))
ENDS_AT = Coalesce("ends_at", models.Value(LATEST))

#: The condition that a period has not begun or is over, by the indexes on these values.
NOT_CURRENT = models.Q(sorted_starts_at__gt=Now()) | models.Q(sorted_ends_at__lte=Now())


def active(path: str = "") -> models.Q:
    """The condition that an assignment is active. `path` is the lookup to it, such as `assignments__`.

    `is_active` is stored until a write method or `manage.py purge` removes it: it counts only while the row is current.
    """
    return models.Q(**{f"{path}is_active": True}) & current(path)


def working(path: str = "") -> models.Q:
    """The condition that a person may work by an assignment now: an active warehouse user, in an available warehouse.

    `assignments.access.decision` says of a person and a warehouse whether it is so, and why not.
    """
    of_both = models.Q(**{f"{path}user__is_warehouse_user": True, f"{path}warehouse__is_active": True})
    return active(path) & active_account(f"{path}user__") & of_both


ACTIVE = active()
_WORKING = working()


class AssignmentQueries(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Any:
        """All rows for a Back Office user; for a confined one, those in their warehouses; else the user's own.

        Any other row is answered as a missing one.
        """
        if not user.acts_for_others:
            return self.filter(user=user)
        return self.filter(warehouse__in=user.managed) if user.is_confined else self

    def current(self) -> Any:
        """The rows whose period is now."""
        return self.filter(current())

    def ended(self) -> Any:
        """The rows whose period is over, by an index."""
        return self.with_sort_values().filter(sorted_ends_at__lte=Now())

    def not_begun(self) -> Any:
        """The rows whose period begins later, by an index."""
        return self.with_sort_values().filter(sorted_starts_at__gt=Now())

    def ending_soon(self) -> Any:
        """The rows whose period ends within `MAX_DAYS_TO_END` days, by an index."""
        return self.with_sort_values().filter(sorted_ends_at__gt=Now(), sorted_ends_at__lte=end_of_soon())

    def not_ended(self) -> Any:
        """The rows whose period is now or begins later."""
        return self.filter(not_ended())

    def active(self) -> Any:
        """The active rows."""
        return self.filter(ACTIVE)

    def with_is_current(self) -> Any:
        """Adds `is_current`, whether the row's period is now, and `read_at`: the database's time of reading."""
        is_current = models.ExpressionWrapper(current(), models.BooleanField())
        return self.annotate(is_current=is_current, read_at=Now())

    def with_state(self) -> Any:
        """With user and warehouse, and what `AssignmentState` needs besides."""
        return self.with_is_current().select_related("user", "warehouse")

    def current_first(self) -> Any:
        """Active rows, then others that are current, those that begin later, and those that are over; newest first."""
        ranks = [
            models.When(condition, models.Value(n)) for n, condition in enumerate((ACTIVE, current(), not_ended()))
        ]
        return self.order_by(models.Case(*ranks, default=models.Value(len(ranks))), "-id")

    def with_is_over(self) -> Any:
        """Adds `is_over`: whether the row's period is over."""
        return self.annotate(is_over=models.ExpressionWrapper(ended(), models.BooleanField()))

    def with_sort_values(self) -> Any:
        """Adds `sorted_starts_at` and `sorted_ends_at`, which are never None."""
        return self.annotate(sorted_starts_at=STARTS_AT, sorted_ends_at=ENDS_AT)

    def with_shown_columns(self, *also: str) -> Any:
        """With user, warehouse and `is_active_now`, and only the columns that documents and write methods read."""
        own = ("uuid", "is_active", "starts_at", "ends_at", *also)
        of_user = ("user__uuid", "user__email", "user__first_name", "user__last_name", "user__status")
        of_warehouse = ("warehouse__uuid", "warehouse__name", "warehouse__is_active")
        rows = self.annotate(is_active_now=models.ExpressionWrapper(ACTIVE, models.BooleanField()))
        return rows.select_related("user", "warehouse").only(*own, *of_user, *of_warehouse)

    def found(self, text: str, viewer: User, *, by_email: bool = True) -> tuple[Any, bool]:
        """The rows with this id, and of the people and warehouses that a search finds; or else of similar names.

        Returns also whether they are only similar. Only the first `_MAX_FOUND` people and warehouses count, of those
        that the viewer may see.
        """
        named = {
            "user": (PEOPLE if by_email else PEOPLE_BY_NAME, User.objects.visible_to(viewer)),
            "warehouse": (WAREHOUSES, Warehouse.objects.visible_to(viewer)),
        }
        keys = {path: where.found(rows, text, _MAX_FOUND) for path, (where, rows) in named.items()}
        keys["pk"] = by_id(self, text)
        if is_similar := not any(keys.values()):
            keys = {path: where.similar(rows, text, _MAX_FOUND) for path, (where, rows) in named.items()}
        conditions = [models.Q(**{f"{path}__in": found}) for path, found in keys.items() if found]
        return (self.filter(reduce(or_, conditions)) if conditions else self.none()), is_similar and bool(conditions)

    def working(self) -> Any:
        """The active rows of people who can work there now: active warehouse users, in an available warehouse."""
        return self.filter(_WORKING)

    def not_working(self) -> Any:
        """All but the rows of `working`."""
        return self.filter(~_WORKING)

    def active_but_ended(self) -> Any:
        """The rows that are stored as active and whose period is over, by an index of their ends."""
        return self.filter(ended(), is_active=True)

    def active_of_idle_people(self) -> Any:
        """The active rows of people who cannot work in any warehouse now. It reads their rows by indexes."""
        inactive = User.objects.filter(status__in=[User.Status.BLOCKED, User.Status.DELETED]).order_by().values("pk")
        office = User.objects.filter(is_warehouse_user=False).order_by().values("pk")
        left = User.objects.employment_ended().order_by().values("pk")
        return self.active().filter(user__in=inactive.union(office, left))

    def granting(self, user_id: int | Parameter) -> Any:
        """The row that grants this user a warehouse token, with the columns of its claims: one or none."""
        rows = self.working().filter(user_id=user_id).select_related("warehouse")
        return rows.only("uuid", "activation", "ends_at", "warehouse__uuid")

    def with_keys(self, keys: Collection[UserWarehouse]) -> Any:
        """Rows with one of these user and warehouse ids."""
        return self.filter(TupleIn((models.F("user_id"), models.F("warehouse_id")), keys)) if keys else self.none()

    def active_of(self, users: Iterable[User]) -> Any:
        """The active rows of these users."""
        return self.active().filter(user__in=users).select_related("warehouse")

    def number_in(self, warehouse: models.OuterRef) -> Coalesce:
        """The number of these rows in the warehouse of an outer query.

        PostgreSQL counts for every row that it reads, those that OFFSET skips included: select few rows.
        """
        rows = self.filter(warehouse=warehouse).order_by().values("warehouse")
        return Coalesce(models.Subquery(rows.annotate(people=models.Count("*")).values("people")), 0)

    def of_listed_people(self) -> Any:
        """All but those of deleted users."""
        return self.exclude(user__status=User.Status.DELETED)
