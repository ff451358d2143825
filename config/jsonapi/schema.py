"""JSON:API resources in the OpenAPI document, read from their serializers, filters and sorts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers

from config import errors
from config.errors import ApiError, Fault, respond
from config.jsonapi import body, filters
from config.jsonapi.documents import DocumentBuilder, ResourceSerializer, attributes_of, camel_case
from config.jsonapi.filters import Filter
from config.jsonapi.pages import MAX_OFFSET, Order, paginate
from config.jsonapi.query import NO, YES, Query
from config.schema import TEXT, Answer, ApiSchema, Body, Component, Operation

#: Where the examples are said to be served.
EXAMPLE_HOST = "https://bapi.example.test"
#: An address, but no URI by RFC 3986: the brackets of the query stand as they were sent (contract 0.2).
_LINK = {"type": "string", "pattern": "^https?://"}
_UUID = {"type": "string", "format": "uuid"}

# --- Schemas ----------------------------------------------------------------------------------------------------
_FIELDS: dict[type[serializers.Field], dict[str, Any]] = {
    serializers.BooleanField: {"type": "boolean"},
    serializers.CharField: {"type": "string"},
    serializers.UUIDField: _UUID,
    body.StrictText: {"type": "string"},
    body.StrictBoolean: {
        "description": 'A boolean, or the text "true" or "false" in any case.',
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}],
    },
}


def _field(field: serializers.Field) -> dict[str, Any]:
    return _members(type(field)) if isinstance(field, serializers.Serializer) else _FIELDS[type(field)]


def _members(serializer: type[serializers.Serializer]) -> dict[str, Any]:
    """An object with the fields of a serializer under their wire names."""
    fields = serializer().fields
    return {
        "type": "object",
        "properties": {camel_case(name): _field(field) for name, field in fields.items()},
        "required": [camel_case(name) for name, field in fields.items() if field.required],
    }


def _name(resource: str) -> str:
    """`warehouse-user-assignments` → `WarehouseUserAssignments`."""
    return resource.title().replace("-", "")


def _resource(serializer: type[ResourceSerializer]) -> Component:
    meta = serializer.Meta
    properties: dict[str, Any] = {
        "type": {"const": meta.resource},
        "id": _UUID,
        "attributes": {**_members(serializer), "required": []},  # `fields[...]` may ask for fewer
        "links": {"type": "object", "required": ["self"], "properties": {"self": _LINK}},
    }
    required = list(properties)
    if meta.includes:
        names = {name: _relationship(name) for name in meta.includes}
        properties["relationships"] = {
            "type": "object",
            "description": "Only with `include`.",
            "properties": names,
        }
    return Component(f"{_name(meta.resource)}Resource", _object(required, **properties))


def _relationship(name: str) -> dict[str, Any]:
    identifier = _object(["type", "id"], type={"const": name}, id=_UUID)
    return _object(["data"], data={"type": "array", "items": identifier})


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _included(serializer: type[ResourceSerializer]) -> dict[str, Any]:
    kinds = [_resource(included) for included in serializer.Meta.includes.values()]
    if not kinds:
        return {}
    return {"included": {"type": "array", "description": "Only with `include`.", "items": {"anyOf": kinds}}}


def _document(serializer: type[ResourceSerializer]) -> Component:
    members = _object(["data"], data=_resource(serializer), **_included(serializer))
    return Component(f"{_name(serializer.Meta.resource)}Document", members)


def _collection(serializer: type[ResourceSerializer]) -> Component:
    neighbours = {name: {**_LINK, "description": "Absent at the ends."} for name in ("first", "prev", "next")}
    members = _object(
        ["data", "links"],
        data={"type": "array", "items": _resource(serializer)},
        links=_object(["self"], self=_LINK, **neighbours),
        meta={**_object(["total"], total={"type": "integer"}), "description": "Only with `page[total]=true`."},
        **_included(serializer),
    )
    return Component(f"{_name(serializer.Meta.resource)}Collection", members)


def request_body(
    name: str, serializer: type[serializers.Serializer], resource: str, examples: Mapping[str, Any]
) -> Body:
    """A request document; `examples` are the attributes under their captions.

    Where no attribute must be sent it is a change: then `attributes` may be left out, and `id` be repeated.
    """
    attributes = _members(serializer)
    data = _object(["attributes"], type={"const": resource}, attributes=attributes)
    if not attributes["required"]:
        data["required"] = []
        data["properties"]["id"] = {**_UUID, "description": "If sent, the id in the path."}
    members = _object(["data"], data=data)
    documents = {caption: {"data": {"type": resource, "attributes": sent}} for caption, sent in examples.items()}
    return Body(Component(name, members), documents, body.JSONAPIParser.media_types)


# --- Answers, made by what makes the real ones ------------------------------------------------------------------
def one(
    serializer: type[ResourceSerializer],
    row: Any,
    *,
    description: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A single resource; a second example shows it with everything included."""
    queries = {"The resource": "", **_including(serializer)}
    examples = {
        caption: DocumentBuilder(serializer, Query(query), EXAMPLE_HOST).one(row) for caption, query in queries.items()
    }
    return Answer(description, status, _document(serializer), examples, headers or {})


def many(serializer: type[ResourceSerializer], row: Any, *, description: str) -> Answer:
    """A collection; further examples show it with everything included, and one page of many."""
    queries = {"The collection": "", **_including(serializer)}
    examples = {
        caption: DocumentBuilder(serializer, Query(query), EXAMPLE_HOST).many([row], {})
        for caption, query in queries.items()
    }
    page = Query("page[limit]=1&page[total]=true")
    after = {"next": page.link(after=Order([]).cursor_at(row))}
    examples["One page of many"] = DocumentBuilder(serializer, page, EXAMPLE_HOST).many([row], after, total=12)
    return Answer(description, 200, _collection(serializer), examples)


def _including(serializer: type[ResourceSerializer]) -> dict[str, str]:
    names = ",".join(serializer.Meta.includes)
    return {f"With include={names}": f"include={names}"} if names else {}


# --- Parameters -------------------------------------------------------------------------------------------------
_PATH_ID = {"name": "uuid", "in": "path", "required": True, "schema": _UUID, "description": "The id of the resource."}


def _query(name: str, description: str, schema: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **others}


def _list_of(name: str, description: str, items: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A parameter that takes a comma list."""
    return _query(name, description, {"type": "array", "items": items, **others}, style="form", explode=False)


def _one_of(words: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _document_parameters(serializer: type[ResourceSerializer]) -> Iterable[dict[str, Any]]:
    includes = serializer.Meta.includes
    if includes:
        yield _list_of("include", "Related resources to send along in `included`.", _one_of(includes))
    for kind in (serializer, *includes.values()):
        names = [*(attribute.name for attribute in attributes_of(kind)), *kind.Meta.includes]
        resource = kind.Meta.resource
        yield _list_of(f"fields[{resource}]", f"Show only these fields of `{resource}`.", _one_of(names))


_FILTERS: dict[Callable[..., Filter], tuple[str, dict[str, Any]]] = {
    filters.booleans: ("true (1, on, yes) or false (0, off, no)", _one_of([*YES, *NO])),
    filters.emails: ("an e-mail address, in any case of letters", TEXT),
    filters.texts: ("a text, case as written", TEXT),
    filters.uuids: ("a uuid (other texts find nothing)", TEXT),
    filters.uuids_of: ("a uuid (other texts find nothing)", TEXT),
}
_FILTERS_BY_NAME = {maker.__name__: described for maker, described in _FILTERS.items()}


def _filter(resource: str, name: str, condition_of: Filter) -> dict[str, Any]:
    # A filter's qualified name begins with the function that made it: `uuids.<locals>.<lambda>`.
    words, items = _FILTERS_BY_NAME[condition_of.__qualname__.partition(".")[0]]
    text = f"Only rows whose `{name}` is this: {words}. A comma list means any of them."
    least = {"minItems": 1} if "enum" in items else {}  # nothing is neither true nor false; of texts, it finds none
    return _list_of(f"filter[{resource}.{name}]", text, items, **least)


def _page_parameters() -> Iterable[dict[str, Any]]:
    most = settings.PAGE_LIMIT
    limit = {"type": "integer", "minimum": 1, "maximum": most, "default": most}
    yield _query("page[limit]", "Rows on a page.", limit)
    yield _query("page[after]", "The page after this cursor: taken from `links.next`.", {"type": "string"})
    yield _query("page[before]", "The page before this cursor: taken from `links.prev`.", {"type": "string"})
    offset = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}
    yield _query("page[offset]", "Rows to skip; not together with a cursor, which is faster.", offset)
    yield _query("page[total]", "Count all rows into `meta.total`.", {"type": "boolean", "default": False})


def _sort_parameter(resource: str, names: Iterable[str]) -> dict[str, Any]:
    terms = [f"{sign}{name}" for name in names for sign in ("", "-")]
    text = f"Order of the rows, `-` for descending; a name may carry the prefix `{resource}.`. Else: oldest first."
    return _list_of("sort", text, _one_of(terms))


# --- Refusals, provoked in the code that gives them -------------------------------------------------------------
def _refused(read: Callable[[], Any]) -> Fault:
    try:
        read()
    except ApiError as refusal:
        return refusal.faults[0]
    raise AssertionError("this was to be refused")


class ResourceSchema(ApiSchema):
    """The operations of a `ResourceViewSet`: adds the parameters and refusals that all resources share."""

    def parameters(self) -> list[dict[str, Any]]:
        view: Any = self.view
        if view.action == "destroy":
            return [_PATH_ID]
        document = list(_document_parameters(view.serializer_class))
        if view.action != "list":
            return [*([_PATH_ID] if "{uuid}" in self.path else []), *document]
        chosen = [_filter(view.resource, name, condition_of) for name, condition_of in view.filters.items()]
        sort = [_sort_parameter(view.resource, view.sorts)] if view.sorts else []
        return [*chosen, *sort, *document, *_page_parameters()]

    def shared_faults(self, operation: Operation) -> list[Fault]:
        view: Any = self.view
        found = [] if view.action == "destroy" else self._query_faults()
        if operation.body:
            found += [body.NOT_JSON, body.NOT_A_DOCUMENT, errors.TOO_LARGE, errors.UNSUPPORTED_TYPE]
        return [*found, errors.fault_of(view.missing)] if "{uuid}" in self.path else found

    def _query_faults(self) -> list[Fault]:
        view: Any = self.view
        serializer = view.serializer_class
        reads: list[Callable[[], Any]] = [
            lambda: Query("include=cats").include(serializer.Meta.includes),
            lambda: Query(f"fields[{view.resource}]=colour").fields({view.resource: []}),
        ]
        if view.action == "list":
            reads += [
                lambda: Query("filter[colour]=red").filters(view.resource, view.filters),
                lambda: Query("sort=colour").sort(view.resource, view.sorts),
                lambda: paginate(cast(Any, None), Query("page[limit]=0"), Order([])),
            ]
        return [_refused(read) for read in reads]


def body_refusal(
    serializer: type[serializers.Serializer], resource: str, data: dict[str, Any], identifier: str | None = None
) -> HttpResponse:
    """The answer to a request document whose members are of the wrong kind: all its faults at once."""
    return respond("jsonapi", body.Body({"data": data}, serializer, resource, identifier).faults)
