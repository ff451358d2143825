"""Error responses of the API, in the shape of the route family (contract sections 0.1 and 3).

Views raise `ApiError` with one or more faults, or exceptions of the domain, Django, DRF or the database. A view names
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

from config.back_office import error_pages
from config.back_office.authority import AuthorityLostError
from config.rule_errors import RuleError, RuleViolation
from config.web.paths import is_page

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """One fault of a request: HTTP status, message, code, and the input at fault, if any."""

    status: int
    detail: str
    code: str | None = None
    pointer: str | None = None
    parameter: str | None = None


class ApiError(Exception):
    """Refuses a request with all faults that were found. The first one's status is the response's."""

    def __init__(self, *faults: Fault | RuleViolation, headers: dict[str, str] | None = None) -> None:
        self.faults = tuple(one if isinstance(one, Fault) else fault_of(one) for one in faults)
        super().__init__("; ".join(fault.detail for fault in self.faults))
        self.headers = headers or {}


# --- Errors of the domain (contract section 3.2) ----------------------------------------------------------------
#: Code → status, if it is neither 400 for a value nor 404 for a missing row.
_STATUS = {"5101": 403}
#: Field of a model → JSON pointer to its value in a request.
_POINTERS = {
    "user": "/data/attributes/userUuid",
    "warehouse": "/data/attributes/warehouse/uuid",
    "is_active": "/data/attributes/isActive",
    "ends_at": "/data/attributes/endsAt",
    "__all__": "/data",
}


def fault_of(violation: RuleViolation) -> Fault:
    """The fault of a violated rule."""
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
COMPRESSED = Fault(415, "A request body must not be compressed: send it without `Content-Encoding`.", "010")
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
    headers = exc.headers if isinstance(exc, ApiError) else {}
    for name, value in headers.items():
        response[name] = value
    if response.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"  # RFC 6750 section 3
    if response.status_code == 405:
        response["Allow"] = ", ".join(view.allowed_methods)
    return response


def faults_of(exc: Exception) -> Sequence[Fault]:
    """The faults of an exception. An unexpected one is logged, and only `CRASHED` is disclosed."""
    if isinstance(exc, ApiError):
        return exc.faults
    if is_unavailable(exc):
        return [UNAVAILABLE]
    for kinds, translate in _TRANSLATIONS:
        if isinstance(exc, kinds):
            return translate(exc)
    logger.exception("Unhandled error", exc_info=exc)
    return [CRASHED]


def _from_constraint(exc: Exception) -> list[Fault]:
    """The message and code that the model defines for the violated constraint."""
    if isinstance(exc.__cause__, ForeignKeyViolation):
        return [VANISHED]
    name = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                return [Fault(400, str(constraint.get_violation_error_message()), constraint.violation_error_code)]
    logger.exception("Unhandled integrity error", exc_info=exc)
    return [CRASHED]


def is_unavailable(problem: BaseException | None) -> bool:
    """Whether the database is temporarily unavailable: down, starting, full, or past a statement or lock timeout."""
    if isinstance(problem, InternalError):  # some of these are transient; the others are bugs
        return isinstance(problem.__cause__, _ENDED_BY_POSTGRESQL)
    return isinstance(problem, (OperationalError, InterfaceError))


#: Transaction timeouts, and writes to a former primary server after a failover.
_ENDED_BY_POSTGRESQL = (IdleInTransactionSessionTimeout, TransactionTimeout, ReadOnlySqlTransaction)


def faults_in(errors: Any, pointer: str = "/data/attributes") -> list[Fault]:
    """The faults of a serializer's nested errors, each with a JSON pointer into the request document."""
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
    ((drf.PermissionDenied, PermissionDenied, AuthorityLostError), lambda exc: [FORBIDDEN]),
    ((drf.NotFound, Http404), lambda exc: [NOT_FOUND]),
    ((drf.MethodNotAllowed,), lambda exc: [NO_SUCH_METHOD]),
    ((drf.UnsupportedMediaType,), lambda exc: [UNSUPPORTED_TYPE]),
    ((RequestDataTooBig,), lambda exc: [TOO_LARGE]),
    ((SuspiciousOperation, drf.ParseError), lambda exc: [MALFORMED]),
    ((drf.ValidationError,), lambda exc: faults_in(exc.detail)),
    ((ModelValidationError,), lambda exc: [Fault(400, message) for message in exc.messages]),
    ((IntegrityError,), _from_constraint),
    ((drf.APIException,), lambda exc: [Fault(exc.status_code, str(exc.detail))]),
]


# --- Responses ----------------------------------------------------------------------------------------------
def respond(shape: str, faults: Sequence[Fault]) -> HttpResponse:
    """The response with these faults in the shape of one route family."""
    content_type, build, headers = SHAPES[shape]
    if faults[0].status == 503:
        headers = headers | RETRY_SOON
    return HttpResponse(
        orjson.dumps(build(faults)), status=faults[0].status, content_type=content_type, headers=headers
    )


def _jsonapi(faults: Iterable[Fault]) -> dict[str, Any]:
    """A JSON:API error document, with the additional member `message` that the app reads (contract 0.1)."""
    return {"errors": [_error_object(fault) for fault in faults]}


def _error_object(fault: Fault) -> dict[str, Any]:
    document: dict[str, Any] = {"status": str(fault.status)}
    if fault.code is not None:
        document["code"] = fault.code
    document |= {"title": HTTPStatus(fault.status).phrase, "detail": fault.detail, "message": fault.detail}
    if fault.pointer is not None:
        document["source"] = {"pointer": fault.pointer}
    elif fault.parameter is not None:
        document["source"] = {"parameter": fault.parameter}
    return document


def _plain(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """The bare array of contract section 3.1."""
    return [{"message": fault.detail, "status": fault.status, "code": fault.code} for fault in faults]


def _oauth(faults: Sequence[Fault]) -> dict[str, str]:
    """RFC 6749 section 5.2, for errors outside Authlib."""
    error = "invalid_request" if faults[0].status < 500 else "server_error"
    return {"error": error, "error_description": faults[0].detail}


#: One second: the first request after the database has recovered reconnects.
RETRY_SOON = {"Retry-After": "1"}
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
#: Name → content type, body and headers. A route family that is not always there adds its own.
SHAPES: dict[str, tuple[str, Callable[[Any], Any], dict[str, str]]] = {
    "jsonapi": ("application/vnd.api+json", _jsonapi, {}),
    "plain": ("application/json", _plain, {}),
    "oauth": ("application/json", _oauth, NO_STORE),
}


# --- Errors outside the views -----------------------------------------------------------------------------------
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`. The default one reads the body for a CSRF token, which may be what failed."""
    if is_page(request):
        return HttpResponse(loader.render_to_string("400.html"), status=HTTPStatus.BAD_REQUEST)
    return respond(_shape_of(request), faults_of(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`."""
    return error_pages.not_found(request) if is_page(request) else respond("jsonapi", [NOT_FOUND])


def refuse_body(request: HttpRequest, fault: Fault) -> HttpResponse:
    """The response of `config.web.request_bodies`."""
    if is_page(request):
        response = HttpResponse(fault.detail, status=fault.status, content_type="text/plain")
    else:
        response = respond(_shape_of(request), [fault])
    if fault is COMPRESSED:
        response["Accept-Encoding"] = "identity"  # RFC 9110 section 12.5.3
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, also for exceptions in middleware. Django has logged the exception."""
    unavailable = is_unavailable(sys.exception())
    if not is_page(request):
        return respond(_shape_of(request), [UNAVAILABLE if unavailable else CRASHED])
    if not unavailable:
        return defaults.server_error(request)
    return error_pages.unavailable(request, RETRY_SOON)


def _shape_of(request: HttpRequest) -> str:
    """The error shape of the route at the request's path."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return "jsonapi"
    return getattr(getattr(view, "cls", None), "error_shape", "jsonapi")
