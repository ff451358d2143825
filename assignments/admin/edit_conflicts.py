"""Edit conflicts of the assign pages: changes by others since the page was rendered, from the history."""

from __future__ import annotations

from typing import Any, Literal

from django.db.models import F, Max, OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.models import WarehouseUserAssignment
from assignments.querysets import ENDS_AT, STARTS_AT
from config.back_office.periods import in_words
from config.back_office.rights import shows_emails
from config.database.periods import Period
from config.history.names import Names
from config.history.tracking import seen_events
from users.models import User
from warehouses.models import Warehouse

#: Most changes that are listed.
_MAX_LISTED = 5
#: An assignment is renewed by a change of the period after it was over.
_IS_RENEWAL = Q(pgh_label="update", former_ends_at__lte=F("pgh_created_at"), sorted_ends_at__gt=F("pgh_created_at"))
_HAS_NEW_PERIOD = ~Q(former_starts_at=F("sorted_starts_at"), former_ends_at=F("sorted_ends_at"))


class History:
    """The recorded assignments of one user or warehouse. `names` says which of the two the messages name.

    A confined viewer learns of those in their warehouses, and of people only the names.
    """

    model: Any = WarehouseUserAssignment
    taken = gettext_lazy("Meanwhile “%(what)s” was also deassigned by %(who)s.")
    given = gettext_lazy("Meanwhile “%(what)s” was also assigned by %(who)s.")

    def __init__(self, names: Literal["user", "warehouse"], viewer: User, **subject: int) -> None:
        self._column = f"{names}_id"
        self._viewer = viewer
        self._subject = subject

    def _events(self) -> Any:
        return seen_events(self.model, self._viewer).filter(**self._subject)

    def newest(self) -> int:
        """The number of the newest event, or 0.

        The sum prevents PostgreSQL from searching all events backwards by their primary key.
        """
        return self._events().aggregate(newest=Max(F("pgh_id") + 0))["newest"] or 0

    def changes_since(self, seen: int | None) -> list[str]:
        """A message for each assignment, deassignment and change of a period after this event.

        None if the event is unknown.
        """
        if seen is None:
            return []
        columns = ("pgh_label", "is_renewal", "user_id", "warehouse_id", "starts_at", "ends_at", "pgh_context__user")
        events = list(self._later_than(seen).values(*columns)[: _MAX_LISTED + 1])
        if not events:
            return []
        users = {event[key] for event in events for key in ("user_id", "pgh_context__user")}
        warehouses = {event["warehouse_id"] for event in events}
        names = Names({User: users, Warehouse: warehouses}, with_emails=shows_emails(self._viewer))
        found = [self._message(event, names) for event in events[:_MAX_LISTED]]
        return [*found, _("Meanwhile others changed more; the lists show it.")] if len(events) > _MAX_LISTED else found

    def _later_than(self, seen: int) -> Any:
        """With the period before each; None if that is not recorded."""
        former = (
            self._events()
            .filter(pgh_obj=OuterRef("pgh_obj"), pgh_id__lt=OuterRef("pgh_id"))
            .annotate(bound_1=STARTS_AT, bound_2=ENDS_AT)
            .order_by("-pgh_id")
        )
        return (
            self._events()
            .filter(pgh_id__gt=seen)
            .annotate(
                sorted_starts_at=STARTS_AT,
                sorted_ends_at=ENDS_AT,
                former_starts_at=Subquery(former.values("bound_1")[:1]),
                former_ends_at=Subquery(former.values("bound_2")[:1]),
            )
            .annotate(is_renewal=_IS_RENEWAL)
            .filter(Q(pgh_label__in=["insert", "delete"]) | _HAS_NEW_PERIOD)
            .order_by("pgh_id")
        )

    def _message(self, event: dict[str, Any], names: Names) -> str:
        model: Any = Warehouse if self._column == "warehouse_id" else User
        actor = event["pgh_context__user"]
        who = _("someone in the database") if actor is None else names[User, actor]
        words = {"what": names[model, event[self._column]], "who": who}
        if event["pgh_label"] == "delete":
            return str(self.taken % words)
        if event["pgh_label"] == "insert" or event["is_renewal"]:
            return str(self.given % words)
        words["period"] = in_words(Period(event["starts_at"], event["ends_at"])) or _("unlimited")
        return _("Meanwhile the period of “%(what)s” was changed by %(who)s: %(period)s.") % words
