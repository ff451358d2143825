"""The one border where an error gets its wire form, per route family (contract sections 0.1 and 3).

Below it, code raises `ApiError` with one or more faults, or lets Django, DRF or PostgreSQL speak. A view names
its family in `error_shape`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from django.apps import apps
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template import loader
from django.urls import Resolver404, resolve
from django.utils import translation
from django.views import defaults
from psycopg.errors import (
    ForeignKeyViolation,
    IdleInTransactionSessionTimeout,
    ReadOnlySqlTransaction,
    TransactionTimeout,
)
from rest_framework import exceptions as drf
from rest_framework.settings import api_settings
from rest_framework_json_api.utils import format_field_name

from config.paths import is_back_office
from config.rule_errors import RuleError, RuleViolation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: HTTP status, words, code, and the input at fault if it is one."""

    status: int
    detail: str
    code: str | None = None
    pointer: str | None = None
    parameter: str | None = None

    @property
    def source(self) -> dict[str, str]:
        """JSON:API's `source` member."""
        if self.pointer is not None:
            return {"pointer": self.pointer}
        return {"parameter": self.parameter} if self.parameter is not None else {}


class ApiError(Exception):
    """A refusal: every fault found, the first of which decides the HTTP status."""

    def __init__(self, *faults: Fault | RuleViolation, headers: dict[str, str] | None = None) -> None:
        self.faults = tuple(one if isinstance(one, Fault) else fault_of(one) for one in faults)
        super().__init__("; ".join(fault.detail for fault in self.faults))
        self.headers = headers or {}


# --- What the domain refuses (contract section 3.2) -------------------------------------------------------------
#: Code → status, where it is not that of a refused value (400) or of a row that is not there (404).
_STATUS = {"5101": 403}
#: The field of a model whose value is refused → where a request has it.
_POINTERS = {
    "user": "/data/attributes/userUuid",
    "warehouse": "/data/attributes/warehouse/uuid",
    "is_active": "/data/attributes/isActive",
    "__all__": "/data",
}


def fault_of(violation: RuleViolation) -> Fault:
    """The wire form of what the domain refuses."""
    status = _STATUS.get(violation.code or "", 400 if violation.field else 404)
    return Fault(status, violation.message, violation.code, pointer=_POINTERS.get(violation.field))


# --- The generic faults (contract section 3.3) ------------------------------------------------------------------
UNAUTHORIZED = Fault(401, "Unauthorized request.")
INVALID_TOKEN = Fault(401, "Invalid access token.", "001")
MISSING_TOKEN = Fault(401, "Missing access token.", "002")
NOBODY_IN_TOKEN = Fault(400, "Invalid access token.", "001")
FORBIDDEN = Fault(403, "Unauthorized request.")
NOT_FOUND = Fault(404, "Not found", "007")
NO_SUCH_METHOD = Fault(405, "Method does not exist", "008")
UNSUPPORTED_TYPE = Fault(
    415, "Unsupported `Content-Type` format used. Please use `application/vnd.api+json` or `application/json`.", "010"
)
UNSUPPORTED_FILTER = Fault(400, "Unsupported `Filter` format is used. Please use `filter[resource.property]`", "011")
VANISHED = Fault(409, "Something this request refers to was removed in the same moment. Please try again.")
TOO_LARGE = Fault(413, "The request body is larger than this server accepts.")
MALFORMED = Fault(400, "The request could not be read.")
NOT_ALLOWED = Fault(400, "Not allowed.")
ORIGIN_MISSING = Fault(501, "The required header `origin` for the options method is missing.")
LENGTH_REQUIRED = Fault(411, "A request body must come with its length (`Content-Length`).")
UNAVAILABLE = Fault(503, "The database does not answer at the moment. Please try again.")
READ_ONLY = Fault(503, "The database takes no changes: it is a standby, or read-only.")
NOT_MIGRATED = Fault(503, "The database lacks migrations of this version: run `manage.py migrate`.")
NO_SIGNING_KEY = Fault(503, "No signing key can be read with this `SECRET_KEY`: see `manage.py rotate_signing_key`.")
CRASHED = Fault(500, "Something went wrong on our side. It has been logged.")


# --- Exception to faults ----------------------------------------------------------------------------------------
def handle(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler for every view of the API."""
    view = context["view"]
    faults = faults_of(exc)
    response = respond(getattr(view, "error_shape", "jsonapi"), faults)
    for name, value in _headers_of(exc, faults, view).items():
        response[name] = value
    return response


def faults_of(exc: Exception) -> Sequence[Fault]:
    """What an exception says to the caller. Unforeseen ones are logged and say nothing."""
    if isinstance(exc, ApiError):
        return exc.faults
    if will_pass(exc):
        return [UNAVAILABLE]
    for kinds, translate in _TRANSLATIONS:
        if isinstance(exc, kinds):
            return translate(exc)
    logger.exception("Unhandled error", exc_info=exc)
    return [CRASHED]


def _from_constraint(exc: Exception) -> list[Fault]:
    """A violated database constraint, in the code and words that its model gave it."""
    if isinstance(exc.__cause__, ForeignKeyViolation):
        return [VANISHED]
    name = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                return [Fault(400, str(constraint.get_violation_error_message()), constraint.violation_error_code)]
    logger.exception("Unhandled integrity error", exc_info=exc)
    return [CRASHED]


def will_pass(problem: BaseException | None) -> bool:
    """Whether the database cannot just now: down, starting, full, killed, out of time, or of patience with a lock."""
    if isinstance(problem, InternalError):  # where psycopg files some of it, along with what is a defect of ours
        return isinstance(problem.__cause__, _ENDED_BY_POSTGRESQL)
    return isinstance(problem, (OperationalError, InterfaceError))


#: A transaction that took too long; a server that another one has taken over from, to which we are still connected.
_ENDED_BY_POSTGRESQL = (IdleInTransactionSessionTimeout, TransactionTimeout, ReadOnlySqlTransaction)


def _from_drf(exc: Any) -> list[Fault]:
    return [Fault(exc.status_code, str(exc.detail))]


def faults_in(errors: Any, pointer: str = "/data/attributes") -> list[Fault]:
    """A serializer's nested errors as faults, each with a pointer to its member of the request document."""
    if isinstance(errors, list):
        return [Fault(400, str(error), pointer=pointer) for error in errors]
    return [fault for name, nested in errors.items() for fault in faults_in(nested, _pointer(pointer, name))]


def _pointer(parent: str, name: str) -> str:
    if name == api_settings.NON_FIELD_ERRORS_KEY:
        return parent
    if parent == "/data/attributes" and name in ("type", "id", "attributes"):  # of the document (config.api.parsers)
        return f"/data/{name}"
    return f"{parent}/{format_field_name(name)}"


_TRANSLATIONS: list[tuple[tuple[type[Exception], ...], Callable[[Any], Sequence[Fault]]]] = [
    ((RuleError,), lambda exc: [*map(fault_of, exc.violations)]),
    ((drf.NotAuthenticated,), lambda exc: [UNAUTHORIZED]),
    ((drf.AuthenticationFailed,), lambda exc: [INVALID_TOKEN]),
    ((drf.PermissionDenied, PermissionDenied), lambda exc: [FORBIDDEN]),
    ((drf.NotFound, Http404), lambda exc: [NOT_FOUND]),
    ((drf.MethodNotAllowed,), lambda exc: [NO_SUCH_METHOD]),
    ((drf.UnsupportedMediaType,), lambda exc: [UNSUPPORTED_TYPE]),
    ((RequestDataTooBig,), lambda exc: [TOO_LARGE]),
    ((SuspiciousOperation, drf.ParseError), lambda exc: [MALFORMED]),
    ((drf.ValidationError,), lambda exc: faults_in(exc.detail)),
    ((ModelValidationError,), lambda exc: [Fault(400, message) for message in exc.messages]),
    ((IntegrityError,), _from_constraint),
    ((drf.APIException,), _from_drf),
]


def _headers_of(exc: Exception, faults: Sequence[Fault], view: Any) -> dict[str, str]:
    headers = dict(exc.headers) if isinstance(exc, ApiError) else {}
    if faults[0].status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 6750 section 3
    if faults[0].status == 405:
        headers["Allow"] = ", ".join(view.allowed_methods)
    return headers


# --- Faults to bytes --------------------------------------------------------------------------------------------
def respond(shape: str, faults: Sequence[Fault]) -> HttpResponse:
    """The answer that carries these faults in the shape of one route family."""
    content_type, build, headers = _SHAPES[shape]
    if faults[0].status == 503:
        headers = headers | RETRY_SOON
    return HttpResponse(
        orjson.dumps(build(faults)), status=faults[0].status, content_type=content_type, headers=headers
    )


def _jsonapi(faults: Iterable[Fault]) -> dict[str, Any]:
    """An error document (contract 0.1): valid JSON:API, plus the `message` that the app reads."""
    return {"errors": [_error_object(fault) for fault in faults]}


def _error_object(fault: Fault) -> dict[str, Any]:
    document: dict[str, Any] = {"status": str(fault.status)}
    if fault.code is not None:
        document["code"] = fault.code
    document |= {"title": HTTPStatus(fault.status).phrase, "detail": fault.detail, "message": fault.detail}
    if fault.source:
        document["source"] = fault.source
    return document


def _plain(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """The bare array of contract section 3.1."""
    return [{"message": fault.detail, "status": fault.status, "code": fault.code} for fault in faults]


def _oauth(faults: Sequence[Fault]) -> dict[str, str]:
    """RFC 6749 section 5.2, for what goes wrong before the protocol is reached."""
    error = "invalid_request" if faults[0].status < 500 else "server_error"
    return {"error": error, "error_description": faults[0].detail}


#: Seconds after which it is worth trying again: the database, once it is back, is found by the next request.
RETRY_SOON = {"Retry-After": "1"}
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_SHAPES: dict[str, tuple[str, Callable[[Any], Any], dict[str, str]]] = {
    "jsonapi": ("application/vnd.api+json", _jsonapi, {}),
    "plain": ("application/json", _plain, {}),
    "oauth": ("application/json", _oauth, _NO_STORE),
}


# --- What goes wrong outside the views --------------------------------------------------------------------------
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`.

    Its default would look for a CSRF token in the body, which may be what cannot be read.
    """
    if is_back_office(request):
        return HttpResponse(loader.render_to_string("400.html"), status=HTTPStatus.BAD_REQUEST)
    return respond(_shape_of(request), faults_of(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`, for what no view of ours has answered."""
    return defaults.page_not_found(request, exception) if is_back_office(request) else respond("jsonapi", [NOT_FOUND])


def length_required(request: HttpRequest) -> HttpResponse:
    """For `config.web.length_required`."""
    if is_back_office(request):
        return HttpResponse(LENGTH_REQUIRED.detail, status=LENGTH_REQUIRED.status, content_type="text/plain")
    return respond(_shape_of(request), [LENGTH_REQUIRED])


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, which also gets what middleware raises; Django has logged the exception."""
    away = will_pass(sys.exception())
    if not is_back_office(request):
        return respond(_shape_of(request), [UNAVAILABLE if away else CRASHED])
    return _unavailable_page(request) if away else defaults.server_error(request)


def _unavailable_page(request: HttpRequest) -> HttpResponse:
    """In the browser's language: whose account it is only the database knows."""
    with translation.override(translation.get_language_from_request(request)):
        page = loader.render_to_string("503.html", {"again": request.get_full_path()})
    return HttpResponse(page, status=503, headers=RETRY_SOON)


def _shape_of(request: HttpRequest) -> str:
    return _shape_at(request.path_info)


def _shape_at(path: str) -> str:
    """The shape of the family that the path belongs to."""
    try:
        view = resolve(path).func
    except Resolver404:
        return "jsonapi"
    return getattr(getattr(view, "cls", None), "error_shape", "jsonapi")
