"""What the two assign pages work on: a person with warehouses, or a warehouse with people.

A picker has two sides, what may be assigned and what is. Each side is searched, sorted and paged by the database;
nothing here counts further than `max_rows` rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Lower
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.admin import edit_conflicts
from assignments.forms import NOWHERE
from assignments.models import WarehouseUserAssignment
from assignments.models.assignment import AssignedCounts
from config.identifiers import NIL, parse_key, parse_uuid
from users.models import User
from warehouses.models import Warehouse

AVAILABLE, ASSIGNED = "available", "assigned"
PAGE_ROWS = 10


@dataclass(frozen=True)
class PickerQuery:
    """Which rows to show: of which side, found by which words, in which order, which page."""

    side: str = AVAILABLE
    search: str = ""
    sort: str = "id"
    page: int = 1

    @classmethod
    def parse(cls, query: Any) -> PickerQuery:
        """From a query string. What makes no sense falls back to the first page by id."""
        return cls(
            side=ASSIGNED if query.get("side") == ASSIGNED else AVAILABLE,
            search=query.get("search", "").replace("\0", "").strip()[:255],
            sort=query.get("sort", "id"),
            page=parse_key(query.get("page")) or 1,
        )


@dataclass(frozen=True)
class Rows:
    """One page of a side."""

    rows: list[dict[str, Any]]
    page: int
    pages: int
    total: int
    #: There are more than `total`, which is as far as anyone counts.
    more: bool


@dataclass(frozen=True)
class Choice:
    """What was ticked and unticked on a page, by primary key, and which change the page was made from."""

    assign: set[int]
    deassign: set[int]
    #: The warehouse to make the active one, or `NOWHERE`; empty leaves it as it is.
    standing: str = ""
    seen: int | None = None


@dataclass(frozen=True)
class Saved:
    """What a selection came to."""

    change: AssignedCounts
    #: How many of the chosen rows had gone or may not be assigned any more.
    left_out: int
    #: What others changed since the page was made, in words.
    meanwhile: list[str]
    #: The warehouse to stand in was not assigned any more.
    lost_standing: bool = False


class Picker(ABC):
    """One subject, and the two lists beside it."""

    subject: User | Warehouse
    #: Whether people are called by their e-mails, or by their names alone.
    with_emails: bool
    #: Heading of each column, by the name it is sorted by.
    columns: Mapping[str, str | Promise]
    #: Rows are counted, paged through and taken "all that match" up to this many.
    max_rows: ClassVar[int]
    #: Expression that each sortable column is sorted by.
    order: ClassVar[dict[str, str]]

    @abstractmethod
    def available(self) -> QuerySet[Any]:
        """What may be assigned and is not."""

    @abstractmethod
    def assigned(self) -> QuerySet[Any]:
        """What is assigned, with `here`: whether the person stands there now."""

    @abstractmethod
    def standing(self) -> Warehouse | None:
        """The warehouse that the person stands in now, if this is one person's picker."""

    @abstractmethod
    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Those rows that a search for this text finds."""

    @abstractmethod
    def save(self, choice: Choice) -> Saved:
        """Writes a selection, all or nothing. Raises RuleError 5202 where the person may not be assigned."""

    @abstractmethod
    def history(self) -> edit_conflicts.History:
        """The recorded changes of the assigned side."""

    def matching(self, query: PickerQuery) -> QuerySet[Any]:
        """A side as it is searched and sorted."""
        rows = self.assigned() if query.side == ASSIGNED else self.available()
        column, turn = self.order.get(query.sort.removeprefix("-"), "pk"), query.sort.startswith("-")
        ordering = [F(column).desc(), F("pk").desc()] if turn else [F(column).asc(), F("pk").asc()]
        return (self.found(rows, query.search) if query.search else rows).order_by(*ordering)

    def page(self, query: PickerQuery) -> Rows:
        """One page, and how many there are: two queries."""
        matching = self.matching(query)
        counted = matching.order_by()[: self.max_rows + 1].count()
        total = min(counted, self.max_rows)
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(query.page, pages)
        shown = matching[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        return Rows(self._read(shown), page, pages, total, counted > self.max_rows)

    def everything(self, query: PickerQuery) -> list[dict[str, Any]]:
        """All rows that match, as far as anyone counts."""
        return self._read(self.matching(query)[: self.max_rows])

    def _read(self, rows: QuerySet[Any]) -> list[dict[str, Any]]:
        words = {True: _("Active"), False: _("Inactive")}
        return [
            row | {"id": row.pop("pk"), "status": words[row["works"]], "here": bool(row["here"])}
            for row in rows.values(*_FIELDS)
        ]


_FIELDS = ("pk", "title", "also", "works", "here", "kept")


class WarehousePicker(Picker):
    """A person, and the warehouses that are or may be assigned to them."""

    max_rows = 50_000
    columns = {
        "id": gettext_lazy("Warehouse ID"),
        "name": gettext_lazy("Name"),
        "status": gettext_lazy("Status"),
    }
    order = {"id": "pk", "name": "sorted_name", "status": "is_off"}

    def __init__(self, user: User, *, with_emails: bool) -> None:
        self.subject = self.user = user
        self.with_emails = with_emails

    def available(self) -> QuerySet[Any]:
        return _warehouses(Warehouse.objects.exclude(assignments__user=self.user), here=Value(False))

    def assigned(self) -> QuerySet[Any]:
        return _warehouses(Warehouse.objects.filter(assignments__user=self.user), here=F("assignments__is_active"))

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(name__icontains=text) | _by_id(text))

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("warehouse", with_emails=self.with_emails, user_id=self.user.pk)

    def standing(self) -> Warehouse | None:
        return Warehouse.objects.filter(assignments__user=self.user, assignments__is_active=True).first()

    def save(self, choice: Choice) -> Saved:
        with transaction.atomic():
            User.objects.locked().get(pk=self.user.pk)  # from here on nobody else changes what is assigned
            by_others = self.history().told_since(choice.seen)
            add = list(Warehouse.objects.filter(pk__in=choice.assign))
            remove = list(Warehouse.objects.filter(pk__in=choice.deassign))
            change = WarehouseUserAssignment.objects.set_warehouses(self.user, add=add, remove=remove)
            stood = self._stand(choice.standing)
        return Saved(change, len(choice.assign) - len(add), by_others, lost_standing=not stood)

    def _stand(self, standing: str) -> bool:
        """Whether the person now stands where they should."""
        if not standing:
            return True
        if standing == NOWHERE:
            for assignment in self.user.assignments.filter(is_active=True):
                assignment.deactivate()
            return True
        chosen = self.user.assignments.filter(warehouse=int(standing)).first()
        if chosen is not None:
            chosen.activate()
        return chosen is not None


class PeoplePicker(Picker):
    """A warehouse, and the people who are or may be assigned to it."""

    max_rows = 1_000
    order = {"id": "pk", "name": "sorted_name"}

    def __init__(self, warehouse: Warehouse, *, with_emails: bool) -> None:
        self.subject = self.warehouse = warehouse
        self.with_emails = with_emails
        name = gettext_lazy("Name")
        called = {"name": gettext_lazy("E-mail"), "also": name} if with_emails else {"name": name}
        self.columns = {"id": gettext_lazy("User ID"), **called, "status": gettext_lazy("Status")}

    def available(self) -> QuerySet[Any]:
        people = User.objects.listed().filter(is_warehouse_user=True)
        here_too = WarehouseUserAssignment.objects.filter(warehouse=self.warehouse, user=OuterRef("pk"))
        return _people(people.filter(~Exists(here_too)), here=Value(False), with_emails=self.with_emails)

    def assigned(self) -> QuerySet[Any]:
        people = User.objects.listed().filter(assignments__warehouse=self.warehouse)
        return _people(people, here=F("assignments__is_active"), with_emails=self.with_emails)

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """By the beginning of an e-mail or name, which an index finds among millions; by id what looks like one."""
        is_id = text.isdecimal() or parse_uuid(text) != NIL
        if is_id:
            return rows.filter(_by_id(text))
        # Cut before it is sorted: else PostgreSQL may walk through everybody in the wanted order to find a few.
        found = rows.found(text, self.max_rows + 1, by_email=self.with_emails)  # type: ignore[attr-defined]
        return rows.filter(pk__any_of=found)

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("user", with_emails=self.with_emails, warehouse_id=self.warehouse.pk)

    def standing(self) -> None:
        """Any number of people stand here; each row says so itself."""

    def save(self, choice: Choice) -> Saved:
        with transaction.atomic():
            people = User.objects.locked().filter(pk__in=choice.assign | choice.deassign).order_by("pk")
            chosen = [person for person in people if person.may_be_assigned]
            by_others = self.history().told_since(choice.seen)
            change = WarehouseUserAssignment.objects.set_people(
                self.warehouse,
                add=[person for person in chosen if person.pk in choice.assign],
                remove=[person for person in chosen if person.pk in choice.deassign],
            )
        return Saved(change, len(choice.assign | choice.deassign) - len(chosen), by_others)


def _by_id(text: str) -> Q:
    return Q(pk=parse_key(text) or 0) | Q(uuid=parse_uuid(text))


def _warehouses(rows: QuerySet[Any], here: Any) -> QuerySet[Any]:
    return rows.annotate(
        title=F("name"),
        also=Value(""),
        works=F("is_active"),
        here=here,
        kept=Value(False),
        sorted_name=Lower("name"),
        is_off=~Q(is_active=True),
    )


def _people(rows: QuerySet[Any], here: Any, *, with_emails: bool) -> QuerySet[Any]:
    """With `kept`: no warehouse user any more, so that the write methods do not touch their assignments."""
    name = Concat("first_name", Value(" "), "last_name")
    return rows.annotate(
        title=F("email") if with_emails else name,
        also=name if with_emails else Value(""),
        works=Q(status=User.Status.ACTIVE),
        here=here,
        kept=~Q(is_warehouse_user=True),
        sorted_name=Lower("email" if with_emails else "last_name"),  # each has an index
        is_off=~Q(status=User.Status.ACTIVE),
    )
