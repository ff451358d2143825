"""What an assignment is at the moment: by its period, its person and its warehouse."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext

from config.back_office import periods
from config.database.periods import Period
from users.models import User


class InWarehouse:
    """Properties of a row that belongs to a warehouse for a period."""

    @classmethod
    def history_within(cls, viewer: User) -> Q:
        """The events in the warehouses of a confined person (`config.history.tracking.seen_by`)."""
        return Q(warehouse__in=viewer.managed)

    def is_within(self: Any, user: User, right: str) -> bool:
        """Whether a confined person manages its warehouse (`User.may`)."""
        return self.warehouse_id in user.managed

    @property
    def period(self: Any) -> Period:
        return Period(self.starts_at, self.ends_at)


class AssignmentState(InWarehouse):
    """Properties of an assignment. Those in words need the columns of `AssignmentQueries.with_state`."""

    #: Whether the period is now. Only rows of `with_is_current` and written ones have it.
    is_current: bool
    #: Whether the period is over. Only rows of `with_is_over` have it.
    is_over: bool
    #: The database's time when the row was read. Only rows of `with_is_current` have it.
    read_at: datetime

    @property
    def works_now(self: Any) -> bool:
        """Whether the person works here now, as `AssignmentQueries.working`."""
        if not self.is_active_now:
            return False
        if "read_at" in vars(self):  # whether the employment has ended is asked of the same moment
            self.user.read_at = self.read_at
        return self.user.can_work and self.warehouse.is_active

    @cached_property
    def is_active_now(self: Any) -> bool:
        """Whether the assignment is active, which it is only while its period is now. Documents annotate it."""
        return self.is_active and self.is_current

    def _note_state(self: Any, *, is_active: bool, is_current: bool) -> None:
        """After a write."""
        self.is_active, self.is_active_now, self.is_current = is_active, is_active and is_current, is_current

    @property
    def period_in_words(self) -> str:
        """From when until when, and whether it begins or ends soon; "" for an assignment without bounds."""
        return periods.with_hint(self.period, self.read_at)

    @property
    def why_idle(self: Any) -> str:
        """Why nobody works there by an assignment that is stored as active, if `works_now` is false."""
        why = gettext("employment ended") if self.warehouse.is_active else gettext("warehouse not available")
        if not self.is_current:
            why = periods.why_not_current(self.period, self.read_at)
        elif self.user.status != User.Status.ACTIVE:
            why = str(self.user.get_status_display())
        elif not self.user.is_warehouse_user:
            why = gettext("not a warehouse user any more")
        return gettext("Not now: %(why)s") % {"why": why}
