"""Two members of staff at the same page: what the other one changed meanwhile, in words, from recorded history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db.models import F, Max, QuerySet
from django.utils.translation import gettext as _

from assignments.models import WarehouseUserAssignment
from users.models import User
from warehouses.models import Warehouse

#: How many changes are told one by one.
_TOLD = 5


class History:
    """The changes of one person's warehouses, or of one warehouse's people."""

    def __init__(self, tells: Literal["user", "warehouse"], **subject: int) -> None:
        self._tells = tells
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
        names = _Names(events) if events else None
        told = [self._tell(event, names) for event in events[:_TOLD] if names]
        return [*told, _("Meanwhile others changed more; the lists show it.")] if len(events) > _TOLD else told

    def _tell(self, event: dict[str, Any], names: _Names) -> str:
        what = names.warehouse(event) if self._tells == "warehouse" else names.user(event)
        words = {"what": what, "who": names.actor(event)}
        if event["pgh_label"] == "insert":
            return _("Meanwhile “%(what)s” was also assigned by %(who)s.") % words
        return _("Meanwhile “%(what)s” was also deassigned by %(who)s.") % words


class _Names:
    """E-mails and names of all that a few events speak of, in two queries."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        people = {event[key] for event in events for key in ("user_id", "pgh_context__user")}
        self._users = dict(User.objects.filter(pk__in=people).values_list("pk", "email"))
        places = {event["warehouse_id"] for event in events}
        self._warehouses = dict(Warehouse.objects.filter(pk__in=places).values_list("pk", "name"))

    def user(self, event: dict[str, Any]) -> str:
        return self._users.get(event["user_id"], f"#{event['user_id']}")

    def warehouse(self, event: dict[str, Any]) -> str:
        return self._warehouses.get(event["warehouse_id"], f"#{event['warehouse_id']}")

    def actor(self, event: dict[str, Any]) -> str:
        return self._users.get(event["pgh_context__user"], _("someone in the database"))
