"""JSON:API documents. A resource's serializer declares its fields; they are worked out once per class, not per row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from rest_framework.fields import BooleanField, CharField, Field
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
        return {name: show(read(instance)) for name, read, show in attributes_of(type(self))}

    @staticmethod
    def related(instance: Any, name: str) -> list[Any]:
        """The rows of one included type that belong to this one."""
        raise KeyError(name)


def camel_case(name: str) -> str:
    """`is_active` → `isActive`."""
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


class Attribute(NamedTuple):
    """One attribute: its wire name, how it is read from a row, and how its field shows what was read."""

    name: str
    read: Callable[[Any], Any]
    show: Callable[[Any], Any]


@cache
def attributes_of(serializer: type[Serializer]) -> tuple[Attribute, ...]:
    """The attributes that a serializer declares."""
    fields = serializer().fields.items()
    return tuple(
        Attribute(camel_case(name), attrgetter(str(field.source)), _shown_by(field))
        for name, field in fields
        if not field.write_only
    )


def _shown_by(field: Field) -> Callable[[Any], Any]:
    """How a field shows what the database holds. Texts and booleans need no conversion, which costs for each row."""
    return _as_it_is if isinstance(field, (CharField, BooleanField)) else field.to_representation


def _as_it_is(value: Any) -> Any:
    return value


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
        self._shown = {kind: _shown(kind, fields.get(kind.Meta.resource)) for kind in kinds}

    def one(self, row: Any) -> dict[str, Any]:
        """The document of a single resource."""
        document: dict[str, Any] = {"data": self._resource(self.serializer, row)}
        return document | self._included([row])

    def many(self, rows: Iterable[Any], links: dict[str, str], total: int | None = None) -> dict[str, Any]:
        """The document of a collection; `links` are query strings, `total` the number asked for by `page[total]`."""
        collection = f"{self.base}/{self.serializer.Meta.resource}"
        rows = list(rows)
        document: dict[str, Any] = {
            "data": [self._resource(self.serializer, row) for row in rows],
            "links": {name: collection + query for name, query in ({"self": self.query.echo} | links).items()},
        }
        if total is not None:
            document["meta"] = {"total": total}
        return document | self._included(rows)

    def _resource(self, serializer: type[ResourceSerializer], row: Any) -> dict[str, Any]:
        resource = serializer.Meta.resource
        identifier = str(row.uuid)
        document = {
            "type": resource,
            "id": identifier,
            "attributes": {name: show(read(row)) for name, read, show in self._shown[serializer]},
        }
        if self.include and serializer is self.serializer:
            document["relationships"] = {name: {"data": self._identifiers(row, name)} for name in self.include}
        document["links"] = {"self": f"{self.base}/{resource}/{identifier}{self.echo}"}
        return document

    def _identifiers(self, row: Any, name: str) -> list[dict[str, str]]:
        return [{"type": name, "id": str(related.uuid)} for related in self.serializer.related(row, name)]

    def _included(self, rows: Iterable[Any]) -> dict[str, Any]:
        """The related resources of all rows, each once."""
        if not self.include:
            return {}
        related, includes = self.serializer.related, self.serializer.Meta.includes
        found = {(name, other.pk): other for row in rows for name in self.include for other in related(row, name)}
        return {"included": [self._resource(includes[name], other) for (name, _), other in found.items()]}


def _shown(serializer: type[ResourceSerializer], chosen: set[str] | None) -> tuple[Attribute, ...]:
    """The attributes that a request wants to see: all, unless it has chosen some."""
    attributes = attributes_of(serializer)
    return attributes if chosen is None else tuple(one for one in attributes if one.name in chosen)


def _field_names(serializer: type[ResourceSerializer]) -> list[str]:
    return [attribute.name for attribute in attributes_of(serializer)] + list(serializer.Meta.includes)
