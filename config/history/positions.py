"""What the address of a history page names: where the page begins, and which operation it shows."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

#: The parameter of an address with an `Operation`.
OPERATION = "operation"


class Position(NamedTuple):
    """The position in the list at which a page ends. `kind` orders events of the same time."""

    moment: datetime
    event: int
    kind: str

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}~{self.event}~{self.kind}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """None if the text is invalid."""
        try:
            moment, event, kind = text.split("~")
            position = cls(datetime.fromisoformat(moment), int(event), kind)
        except ValueError:
            return None
        return position if timezone.is_aware(position.moment) and 0 <= position.event < 2**31 else None


class Operation(NamedTuple):
    """One transaction of a request or an import: the time of its events, and its request id."""

    moment: datetime
    request_id: str

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}~{self.request_id}"

    @property
    def events(self) -> Q:
        """The condition of its events."""
        return Q(pgh_created_at=self.moment, pgh_context__request_id=self.request_id)

    @property
    def url(self) -> str:
        """The page of its change set."""
        return reverse("admin:change_set", query={OPERATION: str(self)})

    @classmethod
    def parse(cls, text: str) -> Operation | None:
        """None if the text is invalid."""
        moment, _separator, request_id = text.partition("~")
        try:
            operation = cls(datetime.fromisoformat(moment), request_id)
        except ValueError:
            return None
        return operation if timezone.is_aware(operation.moment) and request_id else None
