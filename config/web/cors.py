"""CORS of the API (Fetch standard; contract 2.0 and 6.7).

Every response of the API, errors included, allows the request's origin if an app's receiver of the signal
`check_request_enabled` (django-cors-headers) does. Origins are never `*` and without credentials: tokens are sent in a
header.
"""

from collections.abc import Callable
from typing import Any

import structlog
from corsheaders import middleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.api.errors import NOT_ALLOWED, ORIGIN_MISSING, Fault, respond
from config.api.views import NotFoundView
from config.web.paths import is_api

logger = structlog.stdlib.get_logger(__name__)

_WHAT_TO_DO = (
    "If it is the origin of your app, add it to DEFAULT_CLIENT_ORIGINS and restart, or to the allowed origins of the "
    "app's client in the Back Office under Clients."
)


class CorsMiddleware(middleware.CorsMiddleware):
    """The library's headers on API responses only, and preflight responses by the contract."""

    def is_enabled(self, request: HttpRequest) -> bool:
        return is_api(request)

    def check_preflight(self, request: HttpRequest) -> None:
        """Left to `process_view`: unknown hosts are refused first, and the response has all headers."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Answers OPTIONS, except without `Origin` on an unknown path: the view answers 404."""
        if request.method != "OPTIONS" or not is_api(request):
            return None
        view_class = getattr(view, "cls", None)
        if "Origin" not in request.headers and view_class is NotFoundView:
            return None
        if fault := self._fault(request):
            return respond(getattr(view_class, "error_shape", "jsonapi"), [fault])
        granted = HttpResponse(status=204)
        del granted["Content-Type"]
        return granted

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Logs an origin that is not allowed: the browser hides even a successful response from its page."""
        response = super().add_response_headers(request, response)
        origin = request.headers.get("Origin")
        if (
            origin
            and is_api(request)
            and not (middleware.ACCESS_CONTROL_ALLOW_ORIGIN in response or _is_same_origin(origin, request))
        ):
            logger.warning("Origin not registered", origin=origin, what_to_do=_WHAT_TO_DO)
        return response

    def _fault(self, request: HttpRequest) -> Fault | None:
        """The fault of a preflight request: no origin, or an origin, method or header that is not allowed."""
        if "Origin" not in request.headers:
            return ORIGIN_MISSING
        methods = _names(request, "Access-Control-Request-Method")
        headers = _names(request, "Access-Control-Request-Headers", spelling=str.lower)
        is_within = methods <= set(settings.CORS_ALLOW_METHODS) and headers <= set(settings.CORS_ALLOW_HEADERS)
        return None if is_within and self.check_signal(request) else NOT_ALLOWED


def _is_same_origin(origin: str, request: HttpRequest) -> bool:
    """Whether the origin is this site, such as for a form of `/docs`."""
    return origin.partition("://")[2] == request.headers.get("Host")


def _names(request: HttpRequest, header: str, spelling: Callable[[str], str] = str) -> set[str]:
    """The members of a comma list. Header names are case-insensitive, methods are not (RFC 9110)."""
    return {spelling(name.strip()) for name in request.headers.get(header, "").split(",")} - {""}
