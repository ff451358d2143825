"""The OpenAPI document: served at `/schema`, shown at `/docs`.

A view names an `ApiSchema` in its `schema`; that holds one `Operation` for each action, declared in the app's
`schema.py`. What code already says is read from code: errors from their `Fault`, examples from what really answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpResponse
from django.utils.text import slugify
from drf_spectacular.drainage import error
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.permissions import AllowAny

from config import errors
from config.errors import Fault, respond


# --- What an app declares ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Component:
    """A JSON Schema with a name: written once under `components`, referred to everywhere else."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a successful call is answered with. `examples` stand under their captions."""

    description: str
    status: int = 200
    schema: Component | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Body:
    """What a call sends: one schema for every media type it may come in."""

    schema: Component
    examples: Mapping[str, Any]
    media_types: Sequence[str]


@dataclass(frozen=True)
class Operation:
    """One method of one path, in words, with its examples.

    `faults` are its own refusals, beside those that every operation of its kind has; `refusals` are whole answers,
    for what is not one Fault.
    """

    id: str
    summary: str
    description: str
    answer: Answer
    body: Body | None = None
    faults: Sequence[Fault] = ()
    refusals: Sequence[HttpResponse] = ()


#: A text that can be asked for: PostgreSQL keeps none with a NUL, and so one is refused.
TEXT = {"type": "string", "pattern": "^[^\\u0000]*$"}


# --- From declarations to OpenAPI -------------------------------------------------------------------------------
#: How a call that needs a token may be refused because of it, and because authentication reads the database.
_TOKEN_FAULTS = (
    errors.UNAUTHORIZED,
    errors.INVALID_TOKEN,
    errors.MISSING_TOKEN,
    errors.NOBODY_IN_TOKEN,
    errors.FORBIDDEN,
    errors.UNAVAILABLE,
    errors.NO_SIGNING_KEY,
)


class ApiSchema(AutoSchema):
    """Writes the operations of one view; `tag` is the heading that they stand under."""

    def __init__(self, tag: str = "", **operations: Operation) -> None:
        super().__init__()
        self.tag, self.operations = tag, operations

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        if self.is_excluded():
            return None
        self.registry, self.path, self.method = registry, path, method
        operation = self.operations.get(getattr(self.view, "action", ""))
        if operation is None:
            error(f"{method} {path} is not described: name its Operation in the view's `schema`.")
            return None
        return self._with_references(self._written(operation))

    def parameters(self) -> list[dict[str, Any]]:
        """Of the query and the path."""
        return []

    def shared_faults(self, operation: Operation) -> list[Fault]:
        """Refusals that operations of this kind have in common."""
        return []

    def _written(self, operation: Operation) -> dict[str, Any]:
        shape = getattr(self.view, "error_shape", "jsonapi")
        media_type = self.view.renderer_classes[0].media_type
        token_faults = () if AllowAny in self.view.permission_classes else _TOKEN_FAULTS
        faults = (*operation.faults, *self.shared_faults(operation), *token_faults, errors.CRASHED)
        refusals = [*operation.refusals, *(respond(shape, [fault]) for fault in faults)]
        written: dict[str, Any] = {
            "operationId": operation.id,
            "tags": [self.tag],
            "summary": operation.summary,
            "description": operation.description,
            "security": self.get_auth(),
            "parameters": self.parameters(),
        }
        if operation.body:
            written["requestBody"] = _request(operation.body)
        success = {str(operation.answer.status): _success(operation.answer, media_type)}
        return written | {"responses": success | _failures(refusals, ERROR_SCHEMAS[shape])}

    def _with_references(self, node: Any) -> Any:
        """Registers every Component and leaves a reference in its place."""
        if isinstance(node, Component):
            schema = self._with_references(node.schema)
            component = ResolvedComponent(node.name, ResolvedComponent.SCHEMA, schema, object=node.name)
            self.registry.register_on_missing(component)
            return component.ref
        if isinstance(node, Mapping):
            return {key: self._with_references(value) for key, value in node.items()}
        return [self._with_references(value) for value in node] if isinstance(node, list) else node


def _content(schema: Component, examples: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": schema,
        "examples": {
            slugify(caption)[:60]: {"summary": caption, "value": value} for caption, value in examples.items()
        },
    }


def _request(body: Body) -> dict[str, Any]:
    content = _content(body.schema, body.examples)
    return {"required": True, "content": dict.fromkeys(body.media_types, content)}


def _success(answer: Answer, media_type: str) -> dict[str, Any]:
    written: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        written["headers"] = _headers(answer.headers)
    if answer.schema:
        written["content"] = {media_type: _content(answer.schema, answer.examples)}
    return written


def _headers(descriptions: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in descriptions.items()}


_FAILURE_HEADERS = {
    401: {"WWW-Authenticate": "`Bearer` (RFC 6750)."},
    503: {"Retry-After": "Seconds to wait before the next try."},
}


def _failures(refusals: Iterable[HttpResponse], schema: Component) -> dict[str, Any]:
    """Refusals by status; the caption of each example is its code and words."""
    by_status: dict[int, dict[str, Any]] = {}
    media_types = {}
    for refusal in refusals:
        document = orjson.loads(refusal.content)
        by_status.setdefault(refusal.status_code, {})[_caption(document)] = document
        media_types[refusal.status_code] = refusal.headers["Content-Type"]
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            **({"headers": _headers(_FAILURE_HEADERS[status])} if status in _FAILURE_HEADERS else {}),
            "content": {media_types[status]: _content(schema, by_status[status])},
        }
        for status in sorted(by_status)
    }


def _caption(document: Any) -> str:
    """`5201 · Warehouse user assignment not found.`, whatever shape the error has."""
    if "error" in document:
        return f"{document['error']} · {document['error_description']}"
    first, *others = document if isinstance(document, list) else document["errors"]
    more = f"(and {len(others)} more)" if others else None
    return " · ".join(filter(None, [first.get("code"), first["message"], more]))


# --- The shapes of an error (contract 0.1) ----------------------------------------------------------------------
_ERROR_OBJECT = Component(
    "Error",
    {
        "type": "object",
        "required": ["status", "title", "detail", "message"],
        "properties": {
            "status": {"type": "string", "description": "The HTTP status."},
            "code": {"type": "string", "description": "What programs should look at. Absent for a few refusals."},
            "title": {"type": "string", "description": "The name of the HTTP status."},
            "detail": {"type": "string", "description": "What is wrong, in words. Always English."},
            "message": {"type": "string", "description": "The same text as `detail`."},
            "source": {
                "type": "object",
                "description": "The input at fault, if it is one: a place in the body, or a query parameter.",
                "properties": {"pointer": {"type": "string"}, "parameter": {"type": "string"}},
            },
        },
    },
)
_PLAIN_ERROR = Component(
    "PlainError",
    {
        "type": "object",
        "required": ["message", "status", "code"],
        "properties": {
            "message": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": ["string", "null"]},
        },
    },
)
ERROR_SCHEMAS = {
    "jsonapi": Component(
        "ErrorDocument",
        {
            "type": "object",
            "description": "Every fault of the request; the first one's status is the status of the answer.",
            "required": ["errors"],
            "properties": {"errors": {"type": "array", "minItems": 1, "items": _ERROR_OBJECT}},
        },
    ),
    "plain": Component("PlainErrors", {"type": "array", "minItems": 1, "items": _PLAIN_ERROR}),
    "oauth": Component(
        "OAuthError",
        {
            "type": "object",
            "description": "RFC 6749, section 5.2.",
            "required": ["error", "error_description"],
            "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        },
    ),
}


# --- Hooks of drf-spectacular -----------------------------------------------------------------------------------
def plain_paths(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Paths as people write them: our patterns take a slash at the end, and escape dots and hyphens."""
    return [(path.replace("\\", "").rstrip("/"), *others) for path, *others in endpoints]


def tell_common_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds to the introduction what is answered where no operation is."""
    result["info"]["description"] += (
        f"\n\nA path that is not in this document is answered with 404 `{errors.NOT_FOUND.code}` "
        f"(`{errors.NOT_FOUND.detail}`), a method that a path does not have with 405 `{errors.NO_SUCH_METHOD.code}` "
        f"(`{errors.NO_SUCH_METHOD.detail}`) and an `Allow` header."
    )
    return result
