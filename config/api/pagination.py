"""Keyset pagination: every page of a list costs the same. Offsets are for old clients.

A cursor contains the sort values of a row, and the row's id to break ties.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import orjson
from django.conf import settings
from django.db.models import F, Model, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_json_api.pagination import JsonApiLimitOffsetPagination

from config.api.errors import ApiError
from config.api.filters import OrderingFilter
from config.api.query import Query, bad_parameter, not_boolean, read_boolean

MAX_OFFSET = 2**31 - 1


class CursorPagination(JsonApiLimitOffsetPagination):
    """`page[limit]` rows from `page[offset]`, after the cursor `page[after]`, or before the cursor `page[before]`.

    Reads one row more than it returns, to find out whether there is a next page. Counts rows only for `page[total]`.
    """

    links: dict[str, str]
    total: int | None = None

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        members = view.query.members("page")
        if sum(name in members for name in ("after", "before", "offset")) > 1:
            raise bad_parameter("page", "Use only one of `page[after]`, `page[before]` and `page[offset]`.")
        limit = self.limit_of(members)
        offset = _number(members, "offset", 0, minimum=0, maximum=MAX_OFFSET)
        order = Order(OrderingFilter().get_ordering(request, queryset, view))
        backwards = "before" in members
        if _wants_total(members):
            self.total = queryset.count()
        for name in ("after", "before"):
            if name in members:
                queryset = queryset.filter(order.beyond(f"page[{name}]", members[name], backwards=backwards))
        found = list(order.arranged(queryset, backwards=backwards)[offset : offset + limit + 1])
        more, found = len(found) > limit, found[:limit]
        if backwards:
            found.reverse()
        has_previous = more if backwards else "after" in members or offset > 0
        self._link(view, order, found, has_previous=has_previous, has_next=backwards or more)
        return found

    def first_page(self, found: Sequence[Any], limit: int, view: Any) -> list[Any]:
        """The first page in the default order. `found` has up to `limit` + 1 rows."""
        rows = [*found[:limit]]
        self._link(view, _BY_ID, rows, has_previous=False, has_next=len(found) > limit)
        return rows

    def first_page_limit(self, query: Query) -> int | None:
        """The limit, if the query asks for the first page in the default order without filters; else None."""
        members = query.members("page")
        if query.families.keys() & {"filter", "sort"} or members.keys() - {"limit"}:
            return None
        return self.limit_of(members)

    def limit_of(self, members: dict[str, str]) -> int:
        return _number(members, "limit", settings.PAGE_LIMIT, minimum=1, maximum=settings.PAGE_LIMIT)

    def get_paginated_response(self, data: Any) -> Response:
        content = {"results": data, "links": self.links}
        return Response(content if self.total is None else content | {"meta": {"total": self.total}})

    def _link(self, view: Any, order: Order, rows: list[Any], *, has_previous: bool, has_next: bool) -> None:
        """Sets the links. A link to a page that does not exist is absent."""
        query = view.query
        links = {"self": query.echo}
        if has_previous:
            links["first"] = query.link(without=("after", "before", "offset"))
        if rows and has_previous:
            links["prev"] = query.link(without=("after", "offset"), before=order.cursor_at(rows[0]))
        if rows and has_next:
            links["next"] = query.link(without=("before", "offset"), after=order.cursor_at(rows[-1]))
        collection = f"{view.base}/{view.serializer_class.Meta.resource_name}"
        self.links = {name: collection + text for name, text in links.items()}


class Order:
    """The order of a list, in the terms of `order_by`; the last term is the row's id."""

    def __init__(self, ordering: Sequence[str]) -> None:
        self.terms = [(term.removeprefix("-"), term.startswith("-")) for term in ordering]

    def arranged(self, rows: QuerySet[Any], *, backwards: bool) -> QuerySet[Any]:
        return rows.order_by(
            *[f"{'-' if descending is not backwards else ''}{path}" for path, descending in self.terms]
        )

    def cursor_at(self, row: Model) -> str:
        """Opaque to clients. It contains the order, so that it is refused in a list with another order."""
        values = [attrgetter(path.replace("__", "."))(row) for path, _ in self.terms]
        return base64.urlsafe_b64encode(orjson.dumps([self.terms, values])).decode().rstrip("=")

    def beyond(self, parameter: str, cursor: str, *, backwards: bool) -> Q:
        """The condition for rows past a cursor. Raises ApiError 400 for an invalid one, or one of another order."""
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
        return Q(**{bound: values[0]}) & condition  # an index range scan starts at the bound

    @property
    def _is_of_one_index(self) -> bool:
        """Whether one multicolumn index can have this order, so that PostgreSQL can compare whole rows by it."""
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


_BY_ID = Order(["id"])


def _typed(path: str, value: Any) -> Any:
    """A cursor's value in the column's type. Raises ValueError, since clients can send any cursor."""
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
    """In UTC: PostgreSQL supports fewer offsets than Python. Raises ValueError or OverflowError."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("not a moment: no offset")
    return moment.astimezone(UTC)


def _wants_total(members: dict[str, str]) -> bool:
    text = members.get("total", "false")
    value = read_boolean(text)
    if value is None:
        raise bad_parameter("page[total]", not_boolean(text))
    return value


def _number(members: dict[str, str], name: str, default: int, *, minimum: int, maximum: int) -> int:
    text = members.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and minimum <= int(text) <= maximum):
        raise not_a_number(name, minimum, maximum)
    return int(text)


def not_a_number(name: str, minimum: int, maximum: int) -> ApiError:
    return bad_parameter(f"page[{name}]", f"`page[{name}]` must be a whole number from {minimum} to {maximum}.")
