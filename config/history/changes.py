"""Reads the history of all tracked models: recorded changes, newest first, with keyset pagination by an index.

A model may have texts by the label of an event (`insert`, `update`, `delete`): `history_labels` for the change, and
`history_subjects` for its subject, with the names of its two foreign keys as `%(holder)s` and `%(right)s`. It may have
the name of its page's URL as `back_office_page`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import CharField, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, JSONObject
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.back_office import times
from config.history.names import Names, for_reader
from config.history.positions import Operation, Position
from config.history.retention import kept_since
from config.history.tracking import HIDDEN


@dataclass(frozen=True)
class HistoryQuery:
    """The filters of the history, joined with AND."""

    #: The models, each with the condition of the events that the viewer may see (`kinds_for`).
    kinds: Mapping[type[Model], Q]
    about: list[Model] = field(default_factory=list)
    #: The condition of the events of an author.
    actor: Q = field(default_factory=Q)
    since: datetime | None = None
    until: datetime | None = None
    operation: Operation | None = None
    after: Position | None = None
    #: Whether people are shown by their e-mails, or by their names only.
    with_emails: bool = True


@dataclass(frozen=True)
class Difference:
    """The values of a field before and after a change."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class RecordedChange:
    """One recorded change as text in the active language."""

    position: Position
    label: str
    what: str
    kind: str
    subject: str
    #: Name of the URL of the object's page; empty for a deleted object.
    link: str
    object_id: str
    who: str
    through: str
    reason: str
    request_id: str
    #: The address of the page of its change set; "" for what was changed past this site.
    change_set: str
    #: The change set that this one undoes, as in its address, or "".
    undoes: str
    differences: list[Difference]


def find(query: HistoryQuery, limit: int) -> tuple[list[RecordedChange], Position | None]:
    """The newest matching changes, and the position of the next page, if there is one.

    Two queries: a union of the event tables, and one for the names of all related objects.
    """
    branches = [rows[: limit + 1] for kind in query.kinds if (rows := _events(kind, query)) is not None]
    if not branches:
        return [], None
    rows = branches[0].union(*branches[1:], all=True) if len(branches) > 1 else branches[0]
    found = list(rows.order_by(*_NEWEST_FIRST)[: limit + 1] if len(branches) > 1 else rows)
    changes = in_words(found[:limit], with_emails=query.with_emails)
    return changes, changes[-1].position if len(found) > limit else None


def in_words(rows: Iterable[dict[str, Any]], *, with_emails: bool) -> list[RecordedChange]:
    """Events as text. One query for the names of all related objects.

    An event has its columns, `kind` (the model's label), `object` (its key), and, by the names of the recorded fields,
    its `state` and the state `before`, or None.
    """
    changes = [_Reader(row) for row in rows]
    wanted: dict[type[Model], set[Any]] = defaultdict(set)
    for change in changes:
        for model, pk in change.points_at():
            wanted[model].add(pk)
    names = Names(wanted, with_emails=with_emails)
    return [change.read(names) for change in changes]


_NEWEST_FIRST = ("-pgh_created_at", "-pgh_id", "kind")


# --- Queries ----------------------------------------------------------------------------------------------------
def _events(model: Any, query: HistoryQuery) -> QuerySet[Any, dict[str, Any]] | None:
    """The events of one model, or None if its event table has no foreign key to a subject of the query."""
    events = model.pgh_event_model
    narrowed = [_about(events, one) for one in query.about]
    if None in narrowed:
        return None
    conditions = [query.kinds[model], *narrowed, *_when_and_who(query), *_beyond(model, query.after)]
    before = events.objects.filter(pgh_obj=OuterRef("pgh_obj"), pgh_id__lt=OuterRef("pgh_id")).order_by("-pgh_id")
    state = JSONObject(**{one.name: one.attname for one in recorded_fields(events)})
    return (
        events.objects.filter(*conditions)
        .annotate(
            kind=Value(model._meta.label_lower, output_field=CharField()),
            object=Cast("pgh_obj_id", CharField()),
            state=state,
            before=Subquery(before.values(before=state)[:1]),
        )
        .order_by("-pgh_created_at", "-pgh_id")
        .values("pgh_created_at", "pgh_id", "kind", "object", "pgh_label", "pgh_context", "state", "before")
    )


def _about(events: Any, one: Model) -> Q | None:
    """The object's own events, or those with a foreign key to it."""
    if events.pgh_tracked_model._meta.concrete_model is type(one)._meta.concrete_model:
        return Q(pgh_obj=one.pk)
    for column in recorded_fields(events):
        if column.related_model is type(one):
            return Q(**{column.attname: one.pk})
    return None


def _when_and_who(query: HistoryQuery) -> Iterator[Q]:
    if since := max(filter(None, (query.since, kept_since())), default=None):
        yield Q(pgh_created_at__gte=since)
    if query.until:
        yield Q(pgh_created_at__lt=query.until)
    if query.operation:
        yield query.operation.events
    yield query.actor


def _beyond(model: type[Model], position: Position | None) -> list[Q]:
    """Events after the position. The first condition is the bound for the index."""
    if position is None:
        return []
    same_moment = "pgh_id__lte" if model._meta.label_lower > position.kind else "pgh_id__lt"
    earlier = Q(pgh_created_at__lt=position.moment) | Q(**{same_moment: position.event})
    return [Q(pgh_created_at__lte=position.moment), earlier]


def recorded_fields(events: Any) -> list[Any]:
    """The fields of an event that are shown."""
    return [one for one in events._meta.fields if not one.name.startswith("pgh_") and one.name not in HIDDEN]


# --- Texts ------------------------------------------------------------------------------------------------------
class _Reader:
    """One row of the union. `read` needs the names of its related objects."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.model = apps.get_model(row["kind"])
        self.columns = recorded_fields(self.model.pgh_event_model)
        self.position = Position(row["pgh_created_at"], row["pgh_id"], row["kind"])
        self.object_id: str = row["object"]
        self.label: str = row["pgh_label"]
        self.context: dict[str, Any] = row["pgh_context"] or {}
        self.state: dict[str, Any] = row["state"]
        self.before: dict[str, Any] = row["before"] or {}
        self.is_known_before = row["before"] is not None

    def points_at(self) -> Iterator[tuple[type[Model], Any]]:
        """Model and key of each related object."""
        if self.context.get("user") is not None:
            yield get_user_model(), self.context["user"]
        for column in self.columns:
            if column.related_model:
                yield from ((column.related_model, state.get(column.name)) for state in (self.state, self.before))

    def read(self, names: Names) -> RecordedChange:
        request_id = self.context.get("request_id", "")
        return RecordedChange(
            position=self.position,
            label=self.label,
            what=self._what(),
            kind=str(capfirst(self.model._meta.verbose_name)),
            subject=self._subject(names),
            link="" if self.label == "delete" else self._link(),
            object_id=self.object_id,
            who=self._who(names),
            through=self._through(),
            reason=self.context.get("reason", ""),
            request_id=request_id,
            change_set=Operation(self.position.moment, request_id).url if request_id else "",
            undoes=self.context.get("undoes", ""),
            differences=list(self._differences(names)),
        )

    def _link(self) -> str:
        page = self.model._meta.concrete_model._meta  # the model behind a proxy that is tracked in its place
        return getattr(self.model, "back_office_page", f"admin:{page.app_label}_{page.model_name}_change")

    def _what(self) -> str:
        usual = {"insert": _("Created"), "update": _("Changed"), "delete": _("Deleted")}
        return str(self._text_of_model("history_labels") or usual.get(self.label, self.label))

    def _subject(self, names: Names) -> str:
        ends = [names[one.related_model, self.state[one.name]] for one in self.columns if one.related_model]
        if subject := self._text_of_model("history_subjects"):
            holder, right = ends
            return str(subject) % {"right": right, "holder": holder}
        own = self.state.get("email") or self.state.get("name") or self.state.get("client_id") or ""
        if own:
            own = for_reader(self.model._meta.concrete_model, own)
        return f"{' → '.join(ends)} ({own})" if ends and own else own or " → ".join(ends)

    def _text_of_model(self, attribute: str) -> Any:
        """The model's own text for the label of the event, or ""."""
        return getattr(self.model, attribute, {}).get(self.label, "")

    def _who(self, names: Names) -> str:
        if not self.context:
            return _("Database")
        if self.context.get("user") is None:
            client = self.state.get("client_id") if self.context.get("client") == "api" else ""
            return self.context.get("provider") or client or _("Not signed in")
        return names[get_user_model(), self.context["user"]]

    def _through(self) -> str:
        if not self.context:
            return _("directly in the database, past this site")
        return {
            "api": _("API"),
            "back-office": _("Back Office"),
            "account": _("Account page"),
            "company-account": _("Sign-in by company account"),
            "scim": _("Directory (SCIM)"),
        }.get(self.context.get("client", ""), "")

    def _differences(self, names: Names) -> Iterator[Difference]:
        """The changed fields; all fields of a created or deleted object, unless the subject shows them."""
        if self._text_of_model("history_subjects"):
            return
        for column in self.columns:
            old, new = self.before.get(column.name), self.state.get(column.name)
            if self.label == "insert":
                old = None
            elif self.label == "delete":
                old, new = new, None
            if old != new and not (_is_empty(old) and _is_empty(new)):
                hidden = self.label == "update" and not self.is_known_before
                before = _("not recorded") if hidden else _words(column, old, names)
                label = capfirst(_(column.verbose_name))  # a through table's is not translated
                yield Difference(str(label), before, _words(column, new, names))


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


def _words(column: Any, value: Any, names: Names) -> str:
    if _is_empty(value):
        return ""
    if column.related_model:
        return names[column.related_model, value]
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_(one) if one else "" for one in value)  # built-in roles have translations
    if column.get_internal_type() == "DateTimeField":
        return times.in_words(column.to_python(value))
    model = column.model.pgh_tracked_model._meta.concrete_model
    return for_reader(model, str(dict(column.flatchoices).get(value, value)))
