"""What every answer tells browsers and caches (contract 2.0), also one that no view was asked for."""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADERS = {
    # Nearly all answers depend on who asks. Those that do not, say themselves how long they may be kept.
    "Cache-Control": "no-store",
    "Permissions-Policy": "",
    "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": settings.X_FRAME_OPTIONS,
    "X-XSS-Protection": "1; mode=block",
}


class HeadersMiddleware:
    """Adds those that an answer does not have yet. Stands outside Django's own, which a refused host never reaches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == HTTPStatus.NO_CONTENT:
            response.headers.pop("Content-Length", None)  # Django counts zero bytes; RFC 9110 section 8.6 forbids it
        return response
