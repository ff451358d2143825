"""Who may read our answers from a page of another origin (CORS; the Fetch standard, contract 2.0 and 6.7).

Every answer of the API, refusals too, names the caller's origin if an app allows it by django-cors-headers' signal
`check_request_enabled`. Nobody is named with `*` or may send cookies: tokens travel in a header.
"""

from collections.abc import Callable
from typing import Any

import structlog
from corsheaders import middleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.api.errors import NOT_ALLOWED, ORIGIN_MISSING, Fault, respond
from config.api.views import NotFoundView
from config.paths import is_api

logger = structlog.stdlib.get_logger(__name__)

_WHAT_TO_DO = (
    "If it is the origin of your app, add it to DEFAULT_CLIENT_ORIGINS and restart, or to the allowed origins of the "
    "app's client in the Back Office under Clients."
)


class CorsMiddleware(middleware.CorsMiddleware):
    """The library's headers on answers of the API only, and preflights answered as the contract says."""

    def is_enabled(self, request: HttpRequest) -> bool:
        return is_api(request)

    def check_preflight(self, request: HttpRequest) -> None:
        """Left to `process_view`: a host that is not ours is refused first, and every header is on the answer."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Answers OPTIONS, but for an unknown path where no page asks: that is the view's 404."""
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
        """Logs an origin that gets none: the request may succeed, and yet the page cannot read the answer."""
        response = super().add_response_headers(request, response)
        origin = request.headers.get("Origin")
        if (
            origin
            and is_api(request)
            and not (middleware.ACCESS_CONTROL_ALLOW_ORIGIN in response or _is_our_own(origin, request))
        ):
            logger.warning("Origin not registered", origin=origin, what_to_do=_WHAT_TO_DO)
        return response

    def _fault(self, request: HttpRequest) -> Fault | None:
        """What is wrong with a preflight: no page asks, or one of a foreign origin, or for more than we allow."""
        if "Origin" not in request.headers:
            return ORIGIN_MISSING
        methods = _names(request, "Access-Control-Request-Method")
        headers = _names(request, "Access-Control-Request-Headers", spelling=str.lower)
        is_within = methods <= set(settings.CORS_ALLOW_METHODS) and headers <= set(settings.CORS_ALLOW_HEADERS)
        return None if is_within and self.check_signal(request) else NOT_ALLOWED


def _is_our_own(origin: str, request: HttpRequest) -> bool:
    """Whether the page is of this site, such as `/docs`. Browsers name its origin when it sends a form."""
    return origin.partition("://")[2] == request.headers.get("Host")


def _names(request: HttpRequest, header: str, spelling: Callable[[str], str] = str) -> set[str]:
    """The members of a comma list. Names of headers are the same in any case, methods are not (RFC 9110)."""
    return {spelling(name.strip()) for name in request.headers.get(header, "").split(",")} - {""}
