"""Renders JSON:API documents with orjson, from the fields that `config.api.serializers` caches for each class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework import renderers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.utils.serializer_helpers import ReturnDict
from rest_framework_json_api import renderers as json_api

from config.api.query import Query
from config.api.serializers import SerializerClass, reader_of, relationships_of

#: Maximum length of a query in the links of resources; a longer one is only in the link of the list. Repeated in
#: thousands of resources, it would make a response of 100 MB.
_MAX_ECHO_CHARACTERS = 2_048

#: Related rows by the name of the relationship.
Related = dict[str, list[Any]]


class JSONRenderer(json_api.JSONRenderer):
    """Renders the `data` of the serializers and the pagination class in this folder."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        assert renderer_context is not None  # noqa: S101 (REST framework gives one)
        view = renderer_context["view"]
        document = Document(view.serializer_class, view.query, view.base)
        if isinstance(data, ReturnDict):
            return orjson.dumps(document.one(data.serializer.instance, data))
        results = data.pop("results")
        return orjson.dumps(document.many(results.serializer.instance, results, data))


class PlainJSONRenderer(renderers.JSONRenderer):
    """For routes with plain JSON responses (contract 0.1)."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class OneFormat(BaseContentNegotiation):
    """Ignores `Accept`: a route has one format (contract 0.1)."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if content_type in parser.media_types), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Document:
    """Builds the response document of a request: includes, fields and links as its query asks."""

    def __init__(self, serializer: SerializerClass, query: Query, base: str) -> None:
        self.serializer, self.query, self.base = serializer, query, base
        self.echo = query.echo if len(query.echo) <= _MAX_ECHO_CHARACTERS else ""
        relationships = relationships_of(serializer) if query.include else {}
        self._related = {name: relationships[name] for name in query.include}

    def one(self, row: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        """The document of a single resource."""
        related = self._related_to(row)
        document = {"data": self._resource(self.serializer, row, attributes, related)}
        return document | self._included([related])

    def many(self, rows: list[Any], attributes: list[dict[str, Any]], others: dict[str, Any]) -> dict[str, Any]:
        """The document of a collection; `others` are its `links` and `meta`."""
        related = [self._related_to(row) for row in rows] if self._related else [{}] * len(rows)
        resources = [self._resource(self.serializer, *parts) for parts in zip(rows, attributes, related, strict=True)]
        return {"data": resources, **others} | self._included(related)

    def _related_to(self, row: Any) -> Related:
        return {name: find(row) for name, find in self._related.items()}

    def _resource(
        self, serializer: SerializerClass, row: Any, attributes: dict[str, Any], related: Related
    ) -> dict[str, Any]:
        resource = serializer.Meta.resource_name
        identifier = str(row.uuid)
        document = {"type": resource, "id": identifier, "attributes": attributes}
        if related:
            document["relationships"] = {name: {"data": _identifiers(name, rows)} for name, rows in related.items()}
        document["links"] = {"self": f"{self.base}/{resource}/{identifier}{self.echo}"}
        return document

    def _included(self, related: Iterable[Related]) -> dict[str, Any]:
        """The related resources of all rows, without duplicates."""
        if not self._related:
            return {}
        kinds = self.serializer.included_serializers
        readers = {name: reader_of(kinds[name], self.query.fields.get(name)) for name in self._related}
        found = {(name, row.pk): row for each in related for name, rows in each.items() for row in rows}
        return {
            "included": [self._resource(kinds[name], row, readers[name](row), {}) for (name, _), row in found.items()]
        }


def _identifiers(name: str, rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"type": name, "id": row.uuid} for row in rows]
