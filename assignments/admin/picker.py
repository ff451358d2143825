"""The base of the lists of the assign pages.

A picker has two sides, available and assigned. The database searches, sorts and pages each, and counts at most
`max_rows` rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    ExpressionWrapper,
    F,
    OrderBy,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.functional import Promise

from assignments.admin import edit_conflicts
from assignments.models.bulk_writes import AssignedCounts
from assignments.querysets import active
from config.back_office import periods
from config.back_office.rights import may_see_people
from config.database.periods import ALWAYS, Period
from config.database.search import Searched, words_in
from config.identifiers import parse_key
from users.models import User
from warehouses.models import Warehouse

AVAILABLE, ASSIGNED = "available", "assigned"
PAGE_ROWS = 10


@dataclass(frozen=True)
class PickerQuery:
    """Side, search text, order and page."""

    side: str = AVAILABLE
    search: str = ""
    sort: str = "id"
    page: int = 1

    @classmethod
    def parse(cls, query: Any) -> PickerQuery:
        """From a query string. Invalid values become the defaults."""
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
    #: Whether there are more than `total` rows, which is then `max_rows`.
    more: bool
    #: Whether nothing is called as the search says, and these names are similar.
    similar: bool


@dataclass(frozen=True)
class Choice:
    """A submitted selection, by primary keys."""

    assign: set[int]
    deassign: set[int]
    #: The warehouse to activate, or `NO_WAREHOUSE`; empty for no change.
    current: str = ""
    #: The newest history event when the page was rendered.
    seen: int | None = None
    #: Of the new assignments.
    period: Period = ALWAYS


@dataclass(frozen=True)
class Saved:
    """The result of saving a selection."""

    counts: AssignedCounts
    #: Number of selected rows that were deleted or may not be assigned any more.
    left_out: int
    #: Messages about changes by others since the page was rendered.
    conflicts: list[str]
    #: Whether the warehouse to activate was not assigned any more.
    is_current_missing: bool = False
    #: Whether the current warehouse was changed, and to which one; None for none.
    is_switched: bool = False
    current: Warehouse | None = None

    @property
    def is_unavailable(self) -> bool:
        """Whether nobody can work in the new current warehouse."""
        return self.is_switched and self.current is not None and not self.current.is_active


@dataclass(frozen=True)
class Elsewhere:
    """What a confined viewer learns of a person's other warehouses."""

    #: Number of assignments that are not over.
    assigned: int = 0
    #: Whether the person works in one of them now.
    works: bool = False


class Picker(ABC):
    """One user or warehouse, and its two sides, as far as the viewer may see them."""

    subject: User | Warehouse
    viewer: User
    #: Sort name → heading of each column.
    columns: Mapping[str, str | Promise]
    search_label: str | Promise
    #: Where the search looks.
    searched: Searched
    #: The status of a row in which people can work, or who can work, and of the others.
    status_words: ClassVar[Mapping[bool, str | Promise]]
    #: Most rows that are counted, paged through and selected at once.
    max_rows: ClassVar[int]
    #: Sort name → expression.
    order: ClassVar[dict[str, str]]

    @classmethod
    @abstractmethod
    def find(cls, uuid: str, viewer: User) -> Picker | None:
        """The picker of the user or warehouse with this uuid. None for one that the viewer may not see."""

    @abstractmethod
    def may(self, action: str) -> bool:
        """Whether the viewer may do this to assignments here: `add`, `change` or `delete`."""

    @property
    def with_emails(self) -> bool:
        """Whether users are shown by their e-mails, or by their names only."""
        return may_see_people(self.viewer)

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the user or warehouse."""

    @abstractmethod
    def available(self) -> QuerySet[Any]:
        """Rows that may be assigned, and are not or not any more."""

    @abstractmethod
    def assigned(self) -> QuerySet[Any]:
        """Rows whose assignment is not over. `here` is whether it is active."""

    def current(self) -> Warehouse | None:
        """The current warehouse, if this is the picker of a user, and the viewer may see it."""
        return None

    def elsewhere(self) -> Elsewhere:
        """What is not shown of a user."""
        return Elsewhere()

    def hint(self) -> str:
        """What else decides about the rows of a user."""
        return ""

    def is_in_sight(self) -> bool:
        """Whether the viewer may still see the user or warehouse, after their own change."""
        return True

    def period_url(self, assignment: int) -> str:
        """The page that sets the period of an assigned row, by its `assignment`."""
        return reverse("admin:assignments_warehouseuserassignment_set_period", args=[assignment])

    @abstractmethod
    def save(self, choice: Choice) -> Saved:
        """Writes a selection, all or nothing.

        Raises RuleError 5202 if a user is no warehouse user, 5207 if the warehouse to activate is not current.
        """

    @abstractmethod
    def history(self) -> edit_conflicts.History:
        """The history of the assigned side."""

    def matching(self, query: PickerQuery) -> tuple[QuerySet[Any], bool]:
        """The rows that a search finds, and whether they are only similar."""
        rows = self.assigned() if query.side == ASSIGNED else self.available()
        column = self.order.get(query.sort.removeprefix("-"), "pk")
        ordering = [OrderBy(F(name), descending=query.sort.startswith("-")) for name in (column, "pk")]
        if not words_in(query.search):
            return rows.order_by(*ordering), False
        # Limited before sorting, else PostgreSQL may read all rows in the wanted order to find a few.
        keys, is_similar = self.searched.found_or_similar(rows, query.search, self.max_rows + 1)
        return rows.filter(pk__any_of=keys).order_by(*ordering), is_similar

    def page(self, query: PickerQuery) -> Rows:
        """One page and the number of rows, in two queries, and one or two for a search."""
        matching, is_similar = self.matching(query)
        counted = matching.order_by()[: self.max_rows + 1].count()
        total = min(counted, self.max_rows)
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(query.page, pages)
        shown = matching[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        return Rows(self._read(shown), page, pages, total, counted > self.max_rows, is_similar)

    def everything(self, query: PickerQuery) -> list[dict[str, Any]]:
        """All matching rows, at most `max_rows`."""
        return self._read(self.matching(query)[0][: self.max_rows])

    def _read(self, rows: QuerySet[Any]) -> list[dict[str, Any]]:
        return [self._row(row) for row in rows.annotate(read_at=Now()).values(*_FIELDS)]

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        """`period` is in words; of an available row it says when the assignment ended. `assignment` has not ended."""
        period, now = Period(row.pop("starts_at"), row.pop("ends_at")), row.pop("read_at")
        return row | {
            "id": row.pop("pk"),
            "status": str(self.status_words[row["works"]]),
            "period": periods.with_hint(period, now) if row["assignment"] else periods.hint(period, now),
            "current": period.includes(now) or not row["assignment"],
            **self._place(row),
        }

    def _place(self, row: dict[str, Any]) -> dict[str, bool]:
        """`here` is whether somebody works there now; `idle` whether only the person or the warehouse prevents it."""
        works = row["works"] and not row["kept"] and self.subject.is_active
        return {"here": bool(row["here"] and works), "idle": bool(row["here"] and not works)}


#: The columns of an assigned row, of the assignment by which the rows were filtered.
OPEN_ASSIGNMENT = {
    "here": ExpressionWrapper(active("assignments__"), BooleanField()),
    "starts_at": F("assignments__starts_at"),
    "ends_at": F("assignments__ends_at"),
    "assignment": F("assignments"),
}


def ended_assignment(assignments: QuerySet[Any]) -> dict[str, Any]:
    """The same columns of an available row; `assignments` is the one that is over, or none."""
    return {
        "here": Value(False),
        "starts_at": Value(None, DateTimeField()),
        "ends_at": Subquery(assignments.values("ends_at")),
        "assignment": Value(None, BigIntegerField()),
    }


_FIELDS = ("pk", "title", "also", "works", "here", "kept", "starts_at", "ends_at", "assignment", "read_at")
