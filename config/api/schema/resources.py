"""Describes JSON:API resources in the OpenAPI document, from their serializers, filters and sort fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, OpenApiResponse
from rest_framework import serializers

from config.api import errors, filters, parsers
from config.api.errors import ApiError, Fault, respond
from config.api.pagination import MAX_OFFSET, Order, not_a_number
from config.api.query import NO, YES, Query
from config.api.renderers import Document
from config.api.schema import components
from config.api.schema.components import TEXT, TOKEN_FAULTS, Component, Refused, header, members, refusals
from config.api.serializers import (
    NOT_A_DOCUMENT,
    ModelSerializer,
    Moment,
    SerializerClass,
    StrictBoolean,
    UUIDText,
    attributes_of,
    field_names,
    reader_of,
)
from config.rule_errors import RuleViolation

_EXAMPLE_HOST = "https://bapi.example.test"
#: Not `format: uri`: brackets in the query are not percent-encoded (contract 0.2).
_LINK = {"type": "string", "pattern": "^https?://"}
_UUID = {"type": "string", "format": "uuid"}
_MOMENT = {"type": "string", "format": "date-time"}


# --- Schemas ----------------------------------------------------------------------------------------------------
_SHOWN: dict[type[serializers.Field], dict[str, Any]] = {
    serializers.BooleanField: {"type": "boolean"},
    serializers.CharField: {"type": "string"},
    serializers.EmailField: {"type": "string"},
    StrictBoolean: {"type": "boolean"},
    UUIDText: _UUID,
    Moment: {**_MOMENT, "description": "Absent if there is none."},
}
_SENT: dict[type[serializers.Field], dict[str, Any]] = {
    StrictBoolean: {
        "description": 'A boolean, or the text "true" or "false" in any case.',
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}],
    },
    UUIDText: {"type": "string"},
    Moment: {"type": ["string", "null"], "format": "date-time"},
}


def _shown(serializer: SerializerClass) -> dict[str, Any]:
    """The attributes of a response."""
    return {
        name: members(**_shown(type(field))) if isinstance(field, ModelSerializer) else _SHOWN[type(field)]
        for name, field in attributes_of(serializer).items()
    }


def _sent(serializer: SerializerClass, *, partial: bool) -> dict[str, Any]:
    """The attributes of a request."""
    fields = {name: field for name, field in attributes_of(serializer).items() if not field.read_only}
    required = [] if partial else [name for name, field in fields.items() if field.required]
    sent = {
        name: _sent(type(field), partial=partial) if isinstance(field, ModelSerializer) else _SENT[type(field)]
        for name, field in fields.items()
    }
    return members(required, **sent)


def _name(serializer: SerializerClass) -> str:
    """`warehouse-user-assignments` → `WarehouseUserAssignments`."""
    return serializer.Meta.resource_name.title().replace("-", "")


def _resource(serializer: SerializerClass) -> Component:
    properties: dict[str, Any] = {
        "type": {"const": serializer.Meta.resource_name},
        "id": _UUID,
        "attributes": members([], **_shown(serializer)),  # `fields[...]` may ask for fewer
        "links": members(self=_LINK),
    }
    required = list(properties)
    if serializer.included_serializers:
        names = {name: _relationship(name) for name in serializer.included_serializers}
        properties["relationships"] = {"description": "Only with `include`.", **members([], **names)}
    return Component(f"{_name(serializer)}Resource", members(required, **properties))


def _relationship(name: str) -> dict[str, Any]:
    return members(data={"type": "array", "items": members(type={"const": name}, id=_UUID)})


def _included(serializer: SerializerClass) -> dict[str, Any]:
    kinds = [_resource(included) for included in serializer.included_serializers.values()]
    if not kinds:
        return {}
    return {"included": {"type": "array", "description": "Only with `include`.", "items": {"anyOf": kinds}}}


def request(
    name: str, serializer: SerializerClass, values: Mapping[str, Any], *, partial: bool = False
) -> dict[str, OpenApiRequest]:
    """A request document; `values` are examples of attributes. With `partial`, for PATCH."""
    resource = serializer.Meta.resource_name
    properties: dict[str, Any] = {"type": {"const": resource}, "attributes": _sent(serializer, partial=partial)}
    if partial:
        properties["id"] = {**_UUID, "description": "If sent, the id in the path."}
    schema = Component(name, members(data=members([] if partial else ["attributes"], **properties)))
    documents = {caption: {"data": {"type": resource, "attributes": sent}} for caption, sent in values.items()}
    return components.request(parsers.JSON_API, schema, documents)


# --- Responses, built by the renderer's code --------------------------------------------------------------------
def _one(serializer: SerializerClass, row: Any, description: str) -> OpenApiResponse:
    """A single resource, with an example for `include`."""
    schema = Component(
        f"{_name(serializer)}Document", members(["data"], data=_resource(serializer), **_included(serializer))
    )
    attributes = reader_of(serializer)(row)
    values = {
        caption: Document(serializer, Query(query), _EXAMPLE_HOST).one(row, attributes)
        for caption, query in {"The resource": "", **_including(serializer)}.items()
    }
    return components.response(schema, description, values)


def _many(serializer: SerializerClass, row: Any, description: str) -> OpenApiResponse:
    """A collection, with examples for `include` and for one page of many."""
    next_page = "page[limit]=1&page[total]=true&page[after]=" + Order(["id"]).cursor_at(row)
    values = {
        caption: _collection(serializer, row, query)
        for caption, query in {"The collection": "", **_including(serializer)}.items()
    }
    values["One page of many"] = _collection(serializer, row, "page[limit]=1&page[total]=true", next_page)
    neighbours = {name: {**_LINK, "description": "Absent at the ends."} for name in ("first", "prev", "next")}
    schema = members(
        ["data", "links"],
        data={"type": "array", "items": _resource(serializer)},
        links=members(["self"], self=_LINK, **neighbours),
        meta={**members(total={"type": "integer"}), "description": "Only with `page[total]=true`."},
        **_included(serializer),
    )
    return components.response(Component(f"{_name(serializer)}Collection", schema), description, values)


def _collection(serializer: SerializerClass, row: Any, query: str, next_page: str = "") -> dict[str, Any]:
    asked = Query(query)
    address = f"{_EXAMPLE_HOST}/{serializer.Meta.resource_name}"
    others: dict[str, Any] = {"links": {"self": address + asked.echo}}
    if next_page:
        others = {"links": others["links"] | {"next": address + Query(next_page).echo}, "meta": {"total": 12}}
    return Document(serializer, asked, _EXAMPLE_HOST).many([row], [reader_of(serializer)(row)], others)


def _including(serializer: SerializerClass) -> dict[str, str]:
    names = ",".join(serializer.included_serializers)
    return {f"With include={names}": f"include={names}"} if names else {}


# --- Parameters -------------------------------------------------------------------------------------------------
PATH_ID = OpenApiParameter("uuid", _UUID, OpenApiParameter.PATH, description="The id of the resource.")


def _list_of(name: str, description: str, items: dict[str, Any], **others: Any) -> OpenApiParameter:
    schema = {"type": "array", "items": items, **others}
    return OpenApiParameter(name, schema, description=description, style="form", explode=False)


def _one_of(words: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _document_parameters(serializer: SerializerClass) -> list[OpenApiParameter]:
    """`include` and `fields[…]`."""
    included = serializer.included_serializers
    found = (
        [_list_of("include", "Related resources to send along in `included`.", _one_of(included))] if included else []
    )
    for kind in (serializer, *included.values()):
        resource = kind.Meta.resource_name
        text = f"Show only these fields of `{resource}`."
        found.append(_list_of(f"fields[{resource}]", text, _one_of(field_names(kind))))
    return found


#: By class; a subclass comes before its base.
_FILTERS: dict[type[Any], tuple[str, dict[str, Any]]] = {
    filters.BooleanFilter: ("true (1, on, yes) or false (0, off, no)", _one_of([*YES, *NO])),
    filters.EmailFilter: ("an e-mail address, in any case of letters", TEXT),
    filters.UUIDFilter: ("a uuid (other texts find nothing)", TEXT),
    filters.TextFilter: ("a text, case as written", TEXT),
}


def _filter(name: str, kind: Any) -> OpenApiParameter:
    if isinstance(kind, filters.MomentFilter):
        return OpenApiParameter(f"filter[{name}]", _MOMENT, description=kind.description)
    words, items = next(told for base, told in _FILTERS.items() if isinstance(kind, base))
    text = f"Only rows whose `{name.partition('.')[2]}` is this: {words}. A comma list means any of them."
    minimum = {"minItems": 1} if "enum" in items else {}  # an empty boolean is refused; an empty text matches no row
    return _list_of(f"filter[{name}]", text, items, **minimum)


def _sort(resource: str, names: Iterable[str]) -> OpenApiParameter:
    terms = [f"{sign}{name}" for name in names for sign in ("", "-")]
    text = f"Order of the rows, `-` for descending; a name may carry the prefix `{resource}.`. Else: oldest first."
    return _list_of("sort", text, _one_of(terms))


def _page_parameters() -> list[OpenApiParameter]:
    limit = settings.PAGE_LIMIT
    described: dict[str, tuple[str, dict[str, Any]]] = {
        "limit": ("Rows on a page.", {"type": "integer", "minimum": 1, "maximum": limit, "default": limit}),
        "after": ("The page after this cursor: taken from `links.next`.", {"type": "string"}),
        "before": ("The page before this cursor: taken from `links.prev`.", {"type": "string"}),
        "offset": ("Rows to skip. Not with a cursor.", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}),
        "total": ("Count all rows into `meta.total`.", {"type": "boolean", "default": False}),
    }
    return [OpenApiParameter(f"page[{name}]", kind, description=text) for name, (text, kind) in described.items()]


# --- Operations -------------------------------------------------------------------------------------------------
#: Refusals of a request document.
_BODY_FAULTS = (parsers.NOT_JSON, NOT_A_DOCUMENT, errors.TOO_LARGE, errors.UNSUPPORTED_TYPE)


def listing(
    serializer: SerializerClass, row: Any, description: str, filterset: Any, ordering_fields: Iterable[str] = ()
) -> dict[str, Any]:
    """Parameters and responses of a list with these filters and sort fields, for `extend_schema`."""
    resource = serializer.Meta.resource_name
    names = filters.filter_names(resource, filterset)
    chosen = [_filter(name, filterset.base_filters[python]) for name, python in names.items()]
    refused = (
        *_query_refusals(serializer),
        filters.unsupported_filter("filter[colour]"),
        filters.unknown_sort("colour", ordering_fields),
        not_a_number("limit", 1, settings.PAGE_LIMIT),
    )
    return {
        "parameters": [
            *chosen,
            *([_sort(resource, ordering_fields)] if ordering_fields else []),
            *_document_parameters(serializer),
            *_page_parameters(),
        ],
        "responses": {
            200: _many(serializer, row, description),
            **refusals("jsonapi", *_faults(refused), *TOKEN_FAULTS),
        },
    }


def reading(serializer: SerializerClass, row: Any, description: str, missing: RuleViolation) -> dict[str, Any]:
    """Parameters and responses of reading one row."""
    return {
        "parameters": [PATH_ID, *_document_parameters(serializer)],
        "responses": {
            200: _one(serializer, row, description),
            **refusals("jsonapi", *_faults(_query_refusals(serializer)), missing, *TOKEN_FAULTS),
        },
    }


def writing(
    serializer: SerializerClass, row: Any, description: str, *refused: Refused, status: int = 200
) -> dict[str, Any]:
    """Parameters and responses of creating a row (with status 201) or changing one."""
    found = [*refused, *_faults(_query_refusals(serializer)), *_BODY_FAULTS, *TOKEN_FAULTS]
    place = header("Location", 201, "Where the new row is found.") if status == 201 else PATH_ID
    return {
        "parameters": [place, *_document_parameters(serializer)],
        "responses": {status: _one(serializer, row, description), **refusals("jsonapi", *found)},
    }


def _query_refusals(serializer: SerializerClass) -> list[ApiError]:
    return [filters.unknown_include("cats"), filters.unknown_field(serializer.Meta.resource_name, "colour")]


def _faults(refused: Iterable[ApiError]) -> list[Fault]:
    return [fault for refusal in refused for fault in refusal.faults]


def body_refusal(serializer: ModelSerializer, **data: Any) -> HttpResponse:
    """The response to `data`, as the parser passes it to the serializer, with members of a wrong type."""
    try:
        serializer.run_validation({"type": serializer.Meta.resource_name} | data)
    except ApiError as refusal:
        return respond("jsonapi", refusal.faults)
    raise AssertionError("this was to be refused")
