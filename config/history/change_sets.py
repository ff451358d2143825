"""Change sets: all that one transaction of a request or an import changed, as one net change for each object.

The objects of a model are identified by columns of its events: an assignment that is deleted and made again is the same
person in the same warehouse, and another row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Subquery

from config.history.positions import Operation
from config.history.tracking import seen_events

#: The values of an object by the names of the event's columns.
State = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Since:
    """A later change: when, and by whom (the primary key; None for the database)."""

    moment: datetime
    user: Any


@dataclass
class NetChange:
    """What a change set did to one object. `before` or `after` is None where the object did not exist."""

    key: Key
    before: State | None
    after: State | None
    #: The last event of the change set.
    last: int
    #: False if the history does not go back to the state before.
    is_known_before: bool = True
    #: As the newest event has it; None if the object does not exist any more.
    now: State | None = None
    #: The first later change of each column.
    since: dict[str, Since] = field(default_factory=dict)
    #: The latest creation or deletion after the change set.
    replaced: Since | None = None

    def note(self, event: State) -> None:
        """Adds a later event. They come in their order."""
        is_deletion = event["pgh_label"] == "delete"
        since = Since(event["pgh_created_at"], (event["pgh_context"] or {}).get("user"))
        self.now = None if is_deletion else event
        if is_deletion or event["pgh_label"] == "insert":
            self.replaced = since
        for name, value in (self.after or {}).items():
            if event[name] != value:
                self.since.setdefault(name, since)


class ChangeSet:
    """The net changes of one model in a change set, by the columns that identify an object, as far as a person may see
    them.
    """

    def __init__(self, model: Any, identity: Collection[str], operation: Operation, viewer: Any) -> None:
        self._all = model.pgh_event_model.objects.order_by("pgh_id")
        self._events = seen_events(model, viewer).order_by("pgh_id")
        self._own = self._events.filter(operation.events)
        self._identity = tuple(identity)
        self._operation = operation

    def read(self) -> dict[Key, NetChange]:
        """Key → net change. Two queries. What existed neither before nor afterwards is left out."""
        events: dict[Key, list[State]] = {}
        earlier = self._all.filter(pgh_obj=OuterRef("pgh_obj"), pgh_id__lt=OuterRef("pgh_id")).order_by("-pgh_id")
        for event in self._own.annotate(previous=Subquery(earlier.values("pgh_id")[:1])).values().iterator():
            events.setdefault(self._key(event), []).append(event)
        firsts = [rows[0] for rows in events.values()]
        previous = self._by_id(first["previous"] for first in firsts if first["pgh_label"] == "update")
        found = {key: _net(key, rows, previous) for key, rows in events.items()}
        return {key: one for key, one in found.items() if one.before is not None or one.after is not None}

    def note_later(self, changes: dict[Key, NetChange]) -> None:
        """Adds what happened to these objects since. One query."""
        first = min((change.last for change in changes.values()), default=0)
        # By one index: just after an import PostgreSQL, without statistics, would join the others row by row.
        same = {f"{self._identity[0]}__pk__any_of": [key[0] for key in changes]}
        for event in self._events.filter(**same, pgh_id__gt=first).values().iterator():
            change = changes.get(self._key(event))
            if change and event["pgh_id"] > change.last:
                change.note(event)

    def undone(self) -> State | None:
        """The first event of the change set that has undone this one."""
        first = self._identity[0]
        later = self._events.filter(Exists(self._own.filter(**{first: OuterRef(first)})))
        return later.filter(pgh_context__undoes=str(self._operation)).values().first()

    def _by_id(self, ids: Iterable[int | None]) -> dict[int, State]:
        wanted = [one for one in ids if one is not None]
        return {event["pgh_id"]: event for event in self._all.filter(pgh_id__any_of=wanted).values().iterator()}

    def _key(self, event: State) -> Key:
        return tuple(event[name] for name in self._identity)


def _net(key: Key, events: list[State], previous: dict[int, State]) -> NetChange:
    first, last = events[0], events[-1]
    before = {"insert": None, "delete": first}.get(first["pgh_label"], previous.get(first["previous"]))
    after = None if last["pgh_label"] == "delete" else _state(last)
    is_known = before is not None or first["pgh_label"] == "insert"
    return NetChange(key, before and _state(before), after, last["pgh_id"], is_known, now=after)


def _state(event: State) -> State:
    return {name: value for name, value in event.items() if not name.startswith("pgh_") and name != "previous"}
