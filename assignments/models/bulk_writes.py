"""The write methods of many assignments at once. Like those of one row, they lock the users first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pghistory
from django.db import models, transaction

from assignments import bulk_sql, errors
from assignments.bulk_sql import run
from assignments.querysets import AssignmentQueries, UserWarehouse
from config.database.compiled_queries import Parameter, Select
from config.database.periods import ALWAYS, Period
from config.rule_errors import RuleError
from users.models import User
from warehouses.models import Warehouse

#: The reason in the history of what `expire` changes.
ENDED = "ended"
NO_PERIODS: Mapping[UserWarehouse, Period] = MappingProxyType({})


class AssignedCounts(NamedTuple):
    """The numbers of assignments that `set_assignments` created or renewed, and deleted."""

    assigned: int
    deassigned: int


class BulkWrites(AssignmentQueries):
    def set_warehouses(
        self, user: User, *, add: Iterable[Warehouse], remove: Iterable[Warehouse], period: Period = ALWAYS
    ) -> AssignedCounts:
        """`set_assignments` of one user."""
        added, removed = ([(user.pk, one.pk) for one in rows] for rows in (add, remove))
        return self.set_assignments(add=added, remove=removed, period=period)

    def set_people(
        self, warehouse: Warehouse, *, add: Iterable[User], remove: Iterable[User], period: Period = ALWAYS
    ) -> AssignedCounts:
        """`set_assignments` of one warehouse."""
        added, removed = ([(user.pk, warehouse.pk) for user in rows] for rows in (add, remove))
        return self.set_assignments(add=added, remove=removed, period=period)

    def set_assignments(
        self, *, add: Collection[UserWarehouse], remove: Collection[UserWarehouse], period: Period = ALWAYS
    ) -> AssignedCounts:
        """Creates inactive assignments with this period and deletes others, all or nothing.

        Existing ones in `add` stay as they are, unless their period is over: those are renewed with this one. Raises
        RuleError 5202 if one of the users is no warehouse user, 5208 for an invalid period.
        """
        _check(period)
        with transaction.atomic():
            lock_assignable(user_id for user_id, _warehouse_id in (*add, *remove))
            deassigned = run(bulk_sql.DEASSIGN, remove)
            assigned = run(bulk_sql.ASSIGN, ((*row, False, *period) for row in add))
        return AssignedCounts(assigned, deassigned)

    def set_periods(self, periods: dict[UserWarehouse, Period]) -> int:
        """Changes the periods of existing assignments, all or nothing. Returns the number of those that changed.

        Ends the activity of those that were not current or are no more. Raises RuleError 5202 if one of the users is
        no warehouse user, 5208 for an invalid period.
        """
        _check(*periods.values())
        with transaction.atomic():
            lock_assignable(user_id for user_id, _warehouse_id in periods)
            # What is not current must not become active by a later end, and what is not current any more is not active.
            run(bulk_sql.DEACTIVATE_IF_NOT_CURRENT, periods)
            changed = run(bulk_sql.SET_PERIODS, ((*key, *period) for key, period in periods.items()))
            run(bulk_sql.DEACTIVATE_IF_NOT_CURRENT, periods)
        return changed

    def set_active(
        self, rows: Collection[tuple[int, int, bool]], periods: Mapping[UserWarehouse, Period] = NO_PERIODS
    ) -> None:
        """Assigns warehouses and sets which assignments are active, all or nothing.

        Rows are user id, warehouse id, is active; at most one row of a user is active. Assignments that are new, and
        those whose period is over, have one of these periods, else none. Raises RuleError 5202 if one of the users is
        no warehouse user, 5207 if an assignment to activate is not current, 5208 for an invalid period.
        """
        _check(*periods.values())
        with transaction.atomic():
            lock_assignable(user_id for user_id, _warehouse_id, _is_active in rows)
            # Only real changes, and each once: the history has one event for each.
            run(bulk_sql.DEACTIVATE, rows)
            run(bulk_sql.ASSIGN, ((*row, *periods.get(row[:2], ALWAYS)) for row in rows))
            run(bulk_sql.ACTIVATE, rows)
            if run(bulk_sql.WANTED_BUT_NOT_CURRENT, rows):
                raise RuleError(errors.NOT_CURRENT)

    def switch(self, rows: Collection[tuple[int, int, bool]]) -> None:
        """Sets which existing assignments are active. Those whose period is not now are not activated.

        Rows are those of `set_active`. Raises RuleError 5202 if one of the users is no warehouse user.
        """
        with transaction.atomic():
            lock_assignable(user_id for user_id, _warehouse_id, _is_active in rows)
            run(bulk_sql.DEACTIVATE, rows)
            run(bulk_sql.ACTIVATE, rows)

    def past_retention(self) -> Any:
        """The rows that `manage.py purge` changes by `expire`: stored as active though their period is over."""
        return self.active_but_ended()

    def expire(self) -> None:
        """Stores that they are not active, and in the history why. None of them counted as active any more."""
        with transaction.atomic(), pghistory.context(reason=ENDED):
            self.lock_people()
            run(bulk_sql.DEACTIVATE_IF_NOT_CURRENT, self.values_list("user_id", "warehouse_id"))

    def lock_people(self) -> None:
        """Locks the users of these assignments in the order of their keys (`users.locks`)."""
        len(User.objects.locked().filter(assignments__in=self.order_by().values("pk")).order_by("pk").only("pk"))


def lock_assignable(user_ids: Iterable[int]) -> None:
    """Locks these users in the order of their keys (`users.locks`).

    Raises RuleError 5202 if one of them does not exist or is no warehouse user.
    """
    pks = set(user_ids)
    if len(pks) == 1:
        locked = LOCK_USER.all(user=next(iter(pks)))
    else:
        locked = [*User.objects.locked().filter(pk__in=pks).order_by("pk").only("is_warehouse_user", "status")]
    if sum(user.may_be_assigned for user in locked) < len(pks):
        raise RuleError(errors.USER_NOT_FOUND)


LOCK_USER: Select[User] = Select(
    lambda: (
        User.objects.locked().filter(pk=Parameter("user", models.BigIntegerField())).only("is_warehouse_user", "status")
    )
)


def _check(*periods: Period) -> None:
    if not all(period.is_valid for period in periods):
        raise RuleError(errors.INVALID_PERIOD)
