"""Two members of staff at the same page: what the other one changed meanwhile, in words, from recorded history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db.models import F, Max, QuerySet
from django.utils.translation import gettext as _

from assignments.models import WarehouseUserAssignment
from config.names import Names
from users.models import User
from warehouses.models import Warehouse

#: How many changes are told one by one.
_TOLD = 5


class History:
    """The changes of one person's warehouses, or of one warehouse's people."""

    def __init__(self, tells: Literal["user", "warehouse"], *, with_emails: bool, **subject: int) -> None:
        self._tells = tells
        self._with_emails = with_emails
        self._subject = subject

    def _events(self) -> QuerySet[Any]:
        tracked: Any = WarehouseUserAssignment
        events: QuerySet[Any] = tracked.pgh_event_model.objects.filter(**self._subject)
        return events

    def newest(self) -> int:
        """The number of the last change: what a page was made from.

        The sum keeps PostgreSQL at the subject's own changes: else it may walk back through everybody's to meet one.
        """
        return self._events().aggregate(newest=Max(F("pgh_id") + 0))["newest"] or 0

    def told_since(self, seen: int | None) -> list[str]:
        """What was assigned and deassigned after that change: what, and by whom."""
        if seen is None:
            return []
        later = self._events().filter(pgh_id__gt=seen, pgh_label__in=["insert", "delete"]).order_by("pgh_id")
        events = list(later.values("pgh_label", "user_id", "warehouse_id", "pgh_context__user")[: _TOLD + 1])
        names = self._names(events)
        told = [self._tell(event, names) for event in events[:_TOLD]]
        return [*told, _("Meanwhile others changed more; the lists show it.")] if len(events) > _TOLD else told

    def _names(self, events: Sequence[dict[str, Any]]) -> Names:
        """Of all that these events speak of, in one query."""
        people = {event[key] for event in events for key in ("user_id", "pgh_context__user")}
        places = {event["warehouse_id"] for event in events}
        return Names({User: people, Warehouse: places} if events else {}, with_emails=self._with_emails)

    def _tell(self, event: dict[str, Any], names: Names) -> str:
        model: Any = Warehouse if self._tells == "warehouse" else User
        actor = event["pgh_context__user"]
        who = _("someone in the database") if actor is None else names[User, actor]
        words = {"what": names[model, event[f"{self._tells}_id"]], "who": who}
        if event["pgh_label"] == "insert":
            return _("Meanwhile “%(what)s” was also assigned by %(who)s.") % words
        return _("Meanwhile “%(what)s” was also deassigned by %(who)s.") % words
