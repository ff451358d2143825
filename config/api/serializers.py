"""The library's serializers of JSON:API resources, with fields that are built once for each class, not for each row."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, cast

from django.utils.functional import cached_property
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field
from rest_framework.utils.serializer_helpers import ReturnList
from rest_framework_json_api import serializers
from rest_framework_json_api.utils import format_field_name, is_relationship_field

from config.api.errors import ApiError, Fault

NOT_A_DOCUMENT = Fault(400, "The body must be a JSON object with a `data` object.", pointer="")

#: A subclass of `ModelSerializer`. Its metaclass is unknown to mypy.
SerializerClass = Any


class ModelSerializer(serializers.ModelSerializer):
    """A resource: its type is `Meta.resource_name`, its id the row's UUID.

    Attributes are in camelCase on the wire. `included_serializers` names the relationships. They are arrays, and
    present only if `include` asks for them.
    """

    included_serializers: dict[str, Any] = {}
    id = serializers.UUIDField(source="uuid", read_only=True)

    def get_fields(self) -> dict[str, Any]:
        """Copies, since a field belongs to one serializer. With input: the writable fields; of a change, those sent."""
        serializer: SerializerClass = type(self)
        fields = _fields_of(serializer)
        if hasattr(self.root, "initial_data"):
            sent = self.initial_data if self.parent is None and self.partial else fields
            fields = {name: field for name, field in fields.items() if name in sent and not field.read_only}
        return copy.deepcopy(fields)

    def build_fields(self) -> dict[str, Any]:
        """The library's `get_fields`, which is slow: it inspects the model."""
        return super().get_fields()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The attributes under their wire names, also for a resource that is an attribute of another."""
        return self._read(instance)

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError, also with the faults of the document's `type` and `id`."""
        if self.parent is not None:
            return super().to_internal_value(data)
        faults = self._document_faults(data)
        try:
            values = super().to_internal_value(data)
        except ValidationError as invalid:
            faults |= cast(dict[str, Any], invalid.detail)
        if faults:
            raise ValidationError(faults)
        return values

    def _document_faults(self, data: dict[str, Any]) -> dict[str, Any]:
        """The faults of `type` and `id` as `config.api.parsers` passes them on. Raises ApiError without a document."""
        resource = self.Meta.resource_name
        if "type" not in data:
            raise ApiError(NOT_A_DOCUMENT)
        faults = {}
        if data["type"] != resource:
            faults["type"] = [f"Must be `{resource}`."]
        if self.instance is not None and str(data.get("id", self.instance.uuid)).lower() != str(self.instance.uuid):
            faults["id"] = ["Must be the id in the path."]
        if "attributes" in data:
            faults["attributes"] = ["Must be an object."]
        return faults

    @cached_property
    def _read(self) -> Callable[[Any], dict[str, Any]]:
        serializer: SerializerClass = type(self)
        view = self.context.get("view")
        return reader_of(serializer, view.query.fields.get(self.Meta.resource_name) if view else None)


class ListReader:
    """Reads the attributes of the rows of a list, as a serializer with `many=True` does."""

    def __init__(self, serializer: SerializerClass, rows: list[Any], *, chosen: dict[str, frozenset[str]]) -> None:
        self.instance = rows
        self._read = reader_of(serializer, chosen.get(serializer.Meta.resource_name))

    @property
    def data(self) -> ReturnList:
        reader: Any = self
        return ReturnList(map(self._read, self.instance), serializer=reader)


class StrictBoolean(Field):
    """JSON booleans, and the texts "true" and "false" in any case, since clients of the reference send them."""

    default_error_messages = {"invalid": 'Must be true or false, or the text "true" or "false".'}

    def to_internal_value(self, data: Any) -> bool:
        words = {"true": True, "false": False}
        value = words.get(data.lower(), data) if isinstance(data, str) else data
        if not isinstance(value, bool):
            self.fail("invalid")
        return value

    def to_representation(self, value: bool) -> bool:
        return value


class UUIDText(Field):
    """The UUID of a row, as a JSON string. Any other string is accepted, and matches no row."""

    default_error_messages = {"invalid": "Must be a text."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> str:
        return str(value)


class Moment(Field):
    """A moment as a text of RFC 3339, or null. A document does not contain the attribute if there is none."""

    default_error_messages = {"invalid": "Must be a moment with its offset, such as `2026-11-24T10:00:00Z`, or null."}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, **options)

    def to_internal_value(self, data: Any) -> datetime:
        moment = parse_moment(data)
        if moment is None:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return format_moment(value)


def format_moment(moment: datetime) -> str:
    """A text of RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_moment(text: Any) -> datetime | None:
    """A moment in UTC from a text of RFC 3339, or None for anything else."""
    try:
        if isinstance(text, str) and _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


#: RFC 3339, section 5.6.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


# --- Cached for each class --------------------------------------------------------------------------------------
#: Fields whose values need no conversion: orjson writes UUIDs.
_UNCONVERTED = (serializers.CharField, serializers.BooleanField, serializers.UUIDField, StrictBoolean, UUIDText)


@cache
def _fields_of(serializer: SerializerClass) -> dict[str, Any]:
    return serializer().build_fields()


@cache
def attributes_of(serializer: SerializerClass) -> dict[str, Any]:
    """Wire name → field, for fields that are attributes."""
    return {
        format_field_name(name): field
        for name, field in serializer().fields.items()
        if name != "id" and not is_relationship_field(field)
    }


@cache
def relationships_of(serializer: SerializerClass) -> dict[str, Callable[[Any], list[Any]]]:
    """Relationship → function that returns the related rows of a row."""
    fields = serializer().fields
    return {name: fields[name].get_attribute for name in serializer.included_serializers}


@cache
def field_names(serializer: SerializerClass) -> list[str]:
    """The names that `fields[...]` accepts."""
    return [*attributes_of(serializer), *serializer.included_serializers]


@lru_cache(maxsize=100)
def reader_of(serializer: SerializerClass, chosen: frozenset[str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """A function that returns the attributes of a row, or the chosen ones. It does little work for each row."""
    wanted = {name: field for name, field in attributes_of(serializer).items() if chosen is None or name in chosen}
    fields = {name: field for name, field in wanted.items() if not isinstance(field, Moment)}
    moments = [(name, str(field.source)) for name, field in wanted.items() if isinstance(field, Moment)]
    names = list(fields)
    values_of = attrgetter(*(field.source for field in fields.values()), "uuid", "uuid")  # two: a tuple in any case
    shown = [(name, _show(field)) for name, field in fields.items() if not isinstance(field, _UNCONVERTED)]

    def read(row: Any) -> dict[str, Any]:
        found = dict(zip(names, values_of(row), strict=False))
        for name, show in shown:
            found[name] = show(found[name])
        for name, source in moments:
            if (moment := getattr(row, source)) is not None:
                found[name] = format_moment(moment)
        return found

    return read


def _show(field: Any) -> Callable[[Any], Any]:
    kind: SerializerClass = type(field)
    return reader_of(kind) if isinstance(field, ModelSerializer) else field.to_representation
