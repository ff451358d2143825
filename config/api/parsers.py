"""Parses JSON:API request documents and flattens them for the serializer, as the library does."""

from __future__ import annotations

from typing import Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework_json_api import parsers

from config.api import strict_json
from config.api.errors import ApiError, Fault
from config.api.serializers import NOT_A_DOCUMENT, attributes_of

JSON_API = "application/vnd.api+json"
NOT_JSON = Fault(400, "The body is not valid JSON.", pointer="")
NOT_UNIQUE = Fault(400, "An object of the body has two members of the same name.", pointer="")


class JSONParser(parsers.JSONParser):
    """Leaves checks of `data.type` and `data.id` to the serializer, so that one response reports all faults."""

    media_types = (JSON_API, "application/json")

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """Raises RequestDataTooBig before the body is read, UnsupportedMediaType, and ApiError if it is no document."""
        _check_parameters(media_type or "")
        try:
            document = strict_json.loads(parser_context["request"].body)
        except strict_json.RepeatedNameError:
            raise ApiError(NOT_UNIQUE) from None
        except ValueError:
            raise ApiError(NOT_JSON) from None
        return self.parse_data(document, parser_context)

    def parse_data(self, result: Any, parser_context: Any) -> dict[str, Any]:
        """The known attributes by their Python names, `type` (default: the view's), and `id` if it was sent.

        If `attributes` is not an object, it is passed on for the serializer to refuse.
        """
        data = result.get("data") if isinstance(result, dict) else None
        if not isinstance(data, dict):
            raise ApiError(NOT_A_DOCUMENT)
        serializer = parser_context["view"].serializer_class
        document = {"type": serializer.Meta.resource_name} | {name: data[name] for name in _OWN if name in data}
        attributes = data.get("attributes", {})
        if not isinstance(attributes, dict):
            return {"attributes": attributes} | document
        known = attributes_of(serializer)
        return {known[name].field_name: value for name, value in attributes.items() if name in known} | document


def _check_parameters(media_type: str) -> None:
    """JSON:API 1.1 section 5.4 refuses parameters other than `profile`; contract 0.1 also takes `charset`."""
    essence, parameters = parse_header_parameters(media_type)
    if essence == JSON_API and not parameters.keys() <= {"charset", "profile"}:
        raise UnsupportedMediaType(media_type)


#: Members of `data` that are passed on as they are.
_OWN = ("type", "id")
