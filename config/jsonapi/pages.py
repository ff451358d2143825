"""Paging by cursor, so that the last page of millions costs what the first did; by offset for old clients.

A cursor is the sort values of the row it stands at, and the row's id to break ties (keyset paging).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import orjson
from django.conf import settings
from django.db.models import F, Model, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan

from config.jsonapi.query import Query, bad_parameter, read_boolean

_MEMBERS = ("offset", "limit", "after", "before", "total")
MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True)
class Page:
    """One page of rows, the query strings that lead to its neighbours, and the total if it was asked for."""

    rows: list[Any]
    links: dict[str, str]
    total: int | None


class Order:
    """The order of a list: sort paths as Django spells them, each with its direction, then the row id.

    The id goes the way of the last of them, so that an index serves the order from either end.
    """

    def __init__(self, terms: Sequence[tuple[str, bool]]) -> None:
        self.terms = [*terms, ("id", terms[-1][1] if terms else False)]

    def arranged(self, rows: QuerySet[Any], *, backwards: bool) -> QuerySet[Any]:
        return rows.order_by(
            *[f"{'-' if descending is not backwards else ''}{path}" for path, descending in self.terms]
        )

    def cursor_at(self, row: Model) -> str:
        """Opaque to clients: names the order it was made for, so that it cannot be used with another."""
        values = [attrgetter(path.replace("__", "."))(row) for path, _ in self.terms]
        return base64.urlsafe_b64encode(orjson.dumps([self.terms, values])).decode().rstrip("=")

    def beyond(self, parameter: str, cursor: str, *, backwards: bool) -> Q:
        """The rows past a cursor. Raises ApiError 400 for one that is not ours or of another order."""
        values = self._values_of(parameter, cursor)
        if self._is_of_one_index:
            past_row = TupleLessThan if self.terms[0][1] is not backwards else TupleGreaterThan
            return Q(past_row(tuple(F(path) for path, _ in self.terms), values))
        condition = Q()
        for (path, descending), value in reversed(list(zip(self.terms, values, strict=True))):
            past = f"{path}__{'lt' if descending is not backwards else 'gt'}"
            condition = Q(**{past: value}) | Q(**{path: value}) & condition if condition else Q(**{past: value})
        path, descending = self.terms[0]
        bound = f"{path}__{'lte' if descending is not backwards else 'gte'}"
        return Q(**{bound: values[0]}) & condition  # the bound lets the index be entered at the right place

    @property
    def _is_of_one_index(self) -> bool:
        """Whether an index of several columns of the table itself has this order: its rows compare as such."""
        is_one_way = len({descending for _, descending in self.terms}) == 1
        return len(self.terms) > 1 and is_one_way and not any("__" in path for path, _ in self.terms)

    def _values_of(self, parameter: str, cursor: str) -> list[Any]:
        try:
            terms, values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if terms != [list(term) for term in self.terms] or len(values) != len(terms):
                raise ValueError("a cursor of another order")
            return [_typed(path, value) for (path, _), value in zip(self.terms, values, strict=True)]
        except (ValueError, TypeError, OverflowError):
            raise bad_parameter(parameter, "This cursor does not belong to this list and its order.") from None


def _typed(path: str, value: Any) -> Any:
    """A cursor's value as the column's type, or ValueError: cursors come from outside."""
    if path == "id":
        if type(value) is not int or not 0 <= value < 2**63:
            raise ValueError("not a row id")
        return value
    if path.endswith("_at"):
        return _moment(value)
    if not isinstance(value, bool if path.endswith("is_active") else str) or "\x00" in str(value):
        raise ValueError("not a value of this column")
    return value


def _moment(value: Any) -> datetime:
    """In UTC, since PostgreSQL knows fewer offsets than Python. Raises OverflowError where that leaves the calendar."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("not a moment: no offset")
    return moment.astimezone(UTC)


def opening_page(query: Query, fetch: Callable[[int], Sequence[Any] | None]) -> Page | None:
    """The page of a request that asks for nothing but so many rows, from the start and in the default order.

    `fetch` has the first rows at hand, or answers None. None when the request asks for anything else.
    """
    members = query.page(_MEMBERS)
    if query.families.keys() & {"filter", "sort"} or members.keys() - {"limit"}:
        return None
    limit = _number(members, "limit", settings.PAGE_LIMIT, least=1, most=settings.PAGE_LIMIT)
    found = fetch(limit + 1)
    if found is None:
        return None
    links = _links(query, Order([]), [*found[:limit]], has_previous=False, has_next=len(found) > limit)
    return Page([*found[:limit]], links, None)


def paginate(rows: QuerySet[Any], query: Query, order: Order) -> Page:
    """The page that the query asks for: by `page[after]` or `page[before]`, else from `page[offset]`."""
    members = query.page(_MEMBERS)
    if sum(name in members for name in ("after", "before", "offset")) > 1:
        raise bad_parameter("page", "Use only one of `page[after]`, `page[before]` and `page[offset]`.")
    limit = _number(members, "limit", settings.PAGE_LIMIT, least=1, most=settings.PAGE_LIMIT)
    offset = _number(members, "offset", 0, least=0, most=MAX_OFFSET)
    wants_total = "total" in members and read_boolean("page[total]", members["total"])
    backwards = "before" in members
    total = rows.count() if wants_total else None
    for name in ("after", "before"):
        if name in members:
            rows = rows.filter(order.beyond(f"page[{name}]", members[name], backwards=backwards))
    found = list(order.arranged(rows, backwards=backwards)[offset : offset + limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    has_previous = more if backwards else "after" in members or offset > 0
    has_next = backwards or more
    return Page(found, _links(query, order, found, has_previous=has_previous, has_next=has_next), total)


def _links(query: Query, order: Order, rows: list[Any], *, has_previous: bool, has_next: bool) -> dict[str, str]:
    """Query strings of the neighbouring pages; at the ends, and on an empty page, what is not there is absent."""
    links = {}
    if has_previous:
        links["first"] = query.link(without=("after", "before", "offset"))
    if rows and has_previous:
        links["prev"] = query.link(without=("after", "offset"), before=order.cursor_at(rows[0]))
    if rows and has_next:
        links["next"] = query.link(without=("before", "offset"), after=order.cursor_at(rows[-1]))
    return links


def _number(members: dict[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = members.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise bad_parameter(f"page[{name}]", f"`page[{name}]` must be a whole number from {least} to {most}.")
    return int(text)
