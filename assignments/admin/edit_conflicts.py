"""Edit conflicts of the assign pages: changes by others since the page was rendered, from the history."""

from __future__ import annotations

from typing import Any, Literal

from django.db.models import F, Max, QuerySet
from django.utils.translation import gettext as _

from assignments.models import WarehouseUserAssignment
from config.history.names import Names
from users.models import User
from warehouses.models import Warehouse

#: Most changes that are listed.
_MAX_LISTED = 5


class History:
    """The recorded assignments of one user or warehouse. `names` says which of the two the messages name."""

    def __init__(self, names: Literal["user", "warehouse"], *, with_emails: bool, **subject: int) -> None:
        self._column = f"{names}_id"
        self._with_emails = with_emails
        self._subject = subject

    def _events(self) -> QuerySet[Any]:
        tracked: Any = WarehouseUserAssignment
        events: QuerySet[Any] = tracked.pgh_event_model.objects.filter(**self._subject)
        return events

    def newest(self) -> int:
        """The number of the newest event, or 0.

        The sum prevents PostgreSQL from searching all events backwards by their primary key.
        """
        return self._events().aggregate(newest=Max(F("pgh_id") + 0))["newest"] or 0

    def changes_since(self, seen: int | None) -> list[str]:
        """A message for each assignment and deassignment after this event; none if it is unknown."""
        if seen is None:
            return []
        later = self._events().filter(pgh_id__gt=seen, pgh_label__in=["insert", "delete"]).order_by("pgh_id")
        events = list(later.values("pgh_label", "user_id", "warehouse_id", "pgh_context__user")[: _MAX_LISTED + 1])
        if not events:
            return []
        users = {event[key] for event in events for key in ("user_id", "pgh_context__user")}
        warehouses = {event["warehouse_id"] for event in events}
        names = Names({User: users, Warehouse: warehouses}, with_emails=self._with_emails)
        found = [self._message(event, names) for event in events[:_MAX_LISTED]]
        return [*found, _("Meanwhile others changed more; the lists show it.")] if len(events) > _MAX_LISTED else found

    def _message(self, event: dict[str, Any], names: Names) -> str:
        model: Any = Warehouse if self._column == "warehouse_id" else User
        actor = event["pgh_context__user"]
        who = _("someone in the database") if actor is None else names[User, actor]
        words = {"what": names[model, event[self._column]], "who": who}
        if event["pgh_label"] == "insert":
            return _("Meanwhile “%(what)s” was also assigned by %(who)s.") % words
        return _("Meanwhile “%(what)s” was also deassigned by %(who)s.") % words
