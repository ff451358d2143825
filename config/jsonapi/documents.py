"""JSON:API documents. A resource's serializer declares its fields; they are worked out once per class, not per row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from rest_framework.fields import BooleanField, CharField, Field, UUIDField
from rest_framework.serializers import Serializer

from config.jsonapi.query import Query


class ResourceSerializer(Serializer):
    """A resource type: its fields in Python's spelling become attributes in camelCase.

    `Meta.resource` is the type. `Meta.includes` maps each related type that `include` may name to its
    serializer; `related(instance, type)` finds the rows.
    """

    class Meta:
        resource: str
        includes: dict[str, type[ResourceSerializer]] = {}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The attributes by their wire names: also what stands where this resource is an attribute of another."""
        return reader_of(type(self))(instance)

    @staticmethod
    def related(instance: Any, name: str) -> list[Any]:
        """The rows of one included type that belong to this one."""
        raise KeyError(name)


def camel_case(name: str) -> str:
    """`is_active` → `isActive`."""
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


class Attribute(NamedTuple):
    """One attribute: its wire name, where a row has it, and what its field makes of that: None where nothing."""

    name: str
    source: str
    show: Callable[[Any], Any] | None


@cache
def attributes_of(serializer: type[Serializer]) -> tuple[Attribute, ...]:
    """The attributes that a serializer declares."""
    fields = serializer().fields.items()
    return tuple(
        Attribute(camel_case(name), str(field.source), _shown_by(field))
        for name, field in fields
        if not field.write_only
    )


def _shown_by(field: Field) -> Callable[[Any], Any] | None:
    return None if isinstance(field, (CharField, BooleanField, UUIDField)) else field.to_representation


@lru_cache(maxsize=100)
def reader_of(serializer: type[Serializer], chosen: frozenset[str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """Reads the attributes of a row, or those chosen, in one go: what is done for each row costs most."""
    attributes = [one for one in attributes_of(serializer) if chosen is None or one.name in chosen]
    names = [one.name for one in attributes]
    values_of = attrgetter(*(one.source for one in attributes), "uuid", "uuid")  # two at least: it returns a tuple
    shows = [(one.name, one.show) for one in attributes if one.show]

    def read(row: Any) -> dict[str, Any]:
        found = dict(zip(names, values_of(row), strict=False))
        for name, show in shows:
            found[name] = show(found[name])
        return found

    return read


#: Rows by the name under which they are included.
Related = dict[str, list[Any]]

#: A longer query, in characters, is repeated in the link of the list only: in each of thousands of resources it
#: would make a hundred megabytes of one small request.
_LONGEST_ECHO = 2_048


class DocumentBuilder:
    """Builds documents for one request: knows what to include, which fields to show, and how links begin."""

    def __init__(self, serializer: type[ResourceSerializer], query: Query, base: str) -> None:
        self.serializer = serializer
        self.query = query
        self.base = base
        self.echo = query.echo if len(query.echo) <= _LONGEST_ECHO else ""
        includes = serializer.Meta.includes
        self.include = query.include(includes)
        kinds = (serializer, *includes.values())
        fields = query.fields({kind.Meta.resource: _field_names(kind) for kind in kinds})
        self._readers = {kind: reader_of(kind, fields.get(kind.Meta.resource)) for kind in kinds}

    def one(self, row: Any) -> dict[str, Any]:
        """The document of a single resource."""
        related = self._related(row)
        return {"data": self._resource(self.serializer, row, related)} | self._included([related])

    def many(self, rows: Iterable[Any], links: dict[str, str], total: int | None = None) -> dict[str, Any]:
        """The document of a collection; `links` are query strings, `total` the number asked for by `page[total]`."""
        collection = f"{self.base}/{self.serializer.Meta.resource}"
        found = [(row, self._related(row)) for row in rows]
        document: dict[str, Any] = {
            "data": [self._resource(self.serializer, row, related) for row, related in found],
            "links": {name: collection + query for name, query in ({"self": self.query.echo} | links).items()},
        }
        if total is not None:
            document["meta"] = {"total": total}
        return document | self._included(related for _, related in found)

    def _related(self, row: Any) -> Related:
        """What is to be included along with this row."""
        return {name: self.serializer.related(row, name) for name in self.include}

    def _resource(self, serializer: type[ResourceSerializer], row: Any, related: Related) -> dict[str, Any]:
        resource = serializer.Meta.resource
        identifier = str(row.uuid)
        document = {
            "type": resource,
            "id": identifier,
            "attributes": self._readers[serializer](row),
        }
        if related:
            document["relationships"] = {name: {"data": _identifiers(name, rows)} for name, rows in related.items()}
        document["links"] = {"self": f"{self.base}/{resource}/{identifier}{self.echo}"}
        return document

    def _included(self, related: Iterable[Related]) -> dict[str, Any]:
        """The related resources of all rows, each once."""
        if not self.include:
            return {}
        includes = self.serializer.Meta.includes
        found = {(name, row.pk): row for each in related for name, rows in each.items() for row in rows}
        return {"included": [self._resource(includes[name], row, {}) for (name, _), row in found.items()]}


def _identifiers(name: str, rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"type": name, "id": row.uuid} for row in rows]


@cache
def _field_names(serializer: type[ResourceSerializer]) -> list[str]:
    return [attribute.name for attribute in attributes_of(serializer)] + list(serializer.Meta.includes)
