"""What every JSON:API resource does alike: read its query, find visible rows, answer with a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from config.errors import ApiError
from config.identifiers import parse_uuid
from config.jsonapi.documents import DocumentBuilder, ResourceSerializer
from config.jsonapi.filters import Filter
from config.jsonapi.pages import Order, opening_page, paginate
from config.jsonapi.query import Query
from config.rule_errors import RuleViolation
from config.views import ApiViewSet


class ResourceViewSet(ApiViewSet):
    """A resource that can be listed and read. A subclass declares; the manners are here.

    `get_queryset` returns the rows that the caller may see: a row not in it is answered as missing.
    """

    serializer_class: ClassVar[type[ResourceSerializer]]
    #: Filter fields by wire name.
    filters: ClassVar[Mapping[str, Filter]] = {}
    #: Sort paths, as Django spells them, by wire name.
    sorts: ClassVar[Mapping[str, str]] = {}
    #: The answer for a row that is not there or not visible.
    missing: ClassVar[RuleViolation]

    def list(self, request: Request) -> HttpResponse:
        builder = self.document
        page = opening_page(self.query, self.opening)
        if page is None:
            page = paginate(self._filtered(self.get_queryset()), self.query, self._order())
        return self.answer(builder.many(page.rows, page.links, page.total))

    def retrieve(self, request: Request, uuid: str) -> HttpResponse:
        builder = self.document
        return self.answer(builder.one(self.get_object(uuid)))

    def opening(self, limit: int) -> Sequence[Any] | None:
        """The first so many rows that the caller may see, where a view has a statement for them; else None."""
        return None

    def get_queryset(self) -> QuerySet[Any]:
        raise NotImplementedError

    def get_object(self, uuid: str) -> Any:
        """The visible row with this id. Raises ApiError with `missing`."""
        row = self.get_queryset().filter(uuid=parse_uuid(uuid)).first()
        if row is None:
            raise ApiError(self.missing)
        return row

    @cached_property
    def query(self) -> Query:
        return Query(self.request.META.get("QUERY_STRING", ""))

    @cached_property
    def document(self) -> DocumentBuilder:
        """Builds this request's documents. Raises ApiError for an unknown include or field: ask for it early."""
        return DocumentBuilder(self.serializer_class, self.query, self.base)

    @property
    def caller(self) -> Any:
        """The person calling; permissions have made sure there is one."""
        return self.request.user

    @property
    def base(self) -> str:
        """Scheme and host as the client wrote them."""
        return f"{self.request.scheme}://{self.request.get_host()}"

    @property
    def resource(self) -> str:
        return self.serializer_class.Meta.resource

    def _filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        for name, text in self.query.filters(self.resource, self.filters).items():
            rows = rows.filter(self.filters[name](f"filter[{self.resource}.{name}]", text))
        return rows

    def _order(self) -> Order:
        terms = self.query.sort(self.resource, self.sorts)
        return Order([(self.sorts[name], descending) for name, descending in terms])
