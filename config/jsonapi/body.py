"""What a request body says: `data.type`, `data.id`, `data.attributes`, and every fault in it with its pointer."""

from __future__ import annotations

from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from config import strict_json
from config.errors import ApiError, Fault
from config.jsonapi.documents import camel_case

NOT_A_DOCUMENT = Fault(400, "The body must be a JSON object with a `data` object.", pointer="")
NOT_JSON = Fault(400, "The body is not valid JSON.", pointer="")
NOT_UNIQUE = Fault(400, "An object of the body has two members of the same name.", pointer="")


class JSONAPIParser(BaseParser):
    """Reads a JSON document. The body's size is checked before it is read."""

    media_type = "application/vnd.api+json"
    media_types = ("application/vnd.api+json", "application/json")

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return strict_json.loads(parser_context["request"]._request.body)
        except strict_json.RepeatedNameError:
            raise ApiError(NOT_UNIQUE) from None
        except ValueError:
            raise ApiError(NOT_JSON) from None


class StrictBoolean(serializers.Field):
    """JSON booleans, and the texts "true" and "false" in any case, which clients of the reference send."""

    default_error_messages = {"invalid": 'Must be true or false, or the text "true" or "false".'}

    def to_internal_value(self, data: Any) -> bool:
        words = {"true": True, "false": False}
        value = words.get(data.lower(), data) if isinstance(data, str) else data
        if not isinstance(value, bool):
            self.fail("invalid")
        return value

    def to_representation(self, value: bool) -> bool:
        return value


class StrictText(serializers.Field):
    """A JSON string; numbers are not turned into texts."""

    default_error_messages = {"invalid": "Must be a text."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> str:
        return str(value)


class Body:
    """The attributes of a request document, checked by a serializer; its faults carry pointers.

    Raises ApiError for what is no document with a `data` object, such as an empty body.
    `identifier` is the resource's id where the path names one: `data.id`, if sent, must equal it.
    """

    def __init__(
        self, document: Any, serializer: type[Serializer], resource: str, identifier: str | None = None
    ) -> None:
        data = _data_of(document)
        attributes = data.get("attributes", {})
        self.faults = _envelope_faults(data, resource, identifier)
        if not isinstance(attributes, dict):
            self.faults.append(Fault(400, "Must be an object.", pointer="/data/attributes"))
            attributes = {}
        names = _names_of(serializer)
        self._checked = serializer(data={names[key]: value for key, value in attributes.items() if key in names})
        self.is_sound = self._checked.is_valid() and not self.faults
        self.faults += _flattened(self._checked.errors, "/data/attributes")

    @property
    def values(self) -> dict[str, Any]:
        """The attributes by their Python names; those that were not sent are absent. Empty unless `is_sound`."""
        return self._checked.validated_data

    def text_at(self, *path: str) -> str | None:
        """A text of the attributes as sent, or None where there is none. For looking for further faults."""
        value: Any = self._checked.initial_data
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None


@cache
def _names_of(serializer: type[Serializer]) -> dict[str, str]:
    """Its fields by their wire names."""
    return {camel_case(str(name)): str(name) for name in serializer().fields}


def _data_of(document: Any) -> dict[str, Any]:
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise ApiError(NOT_A_DOCUMENT)
    return data


def _envelope_faults(data: dict[str, Any], resource: str, identifier: str | None) -> list[Fault]:
    faults = []
    if data.get("type", resource) != resource:
        faults.append(Fault(400, f"Must be `{resource}`.", pointer="/data/type"))
    if identifier is not None and str(data.get("id", identifier)).lower() != identifier:
        faults.append(Fault(400, "Must be the id in the path.", pointer="/data/id"))
    return faults


def _flattened(errors: Any, pointer: str) -> list[Fault]:
    """DRF's nested errors as faults, each pointing at its member."""
    if isinstance(errors, list):
        return [Fault(400, str(error), pointer=pointer) for error in errors]
    faults = []
    for name, nested in errors.items():
        at = pointer if name == api_settings.NON_FIELD_ERRORS_KEY else f"{pointer}/{camel_case(name)}"
        faults += _flattened(nested, at)
    return faults
