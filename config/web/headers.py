"""Response headers for browsers and caches (contract 2.0), also of responses that no view makes."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

HEADERS = {
    # Most responses depend on the caller. A view whose response does not sets a `Cache-Control` of its own.
    "Cache-Control": "no-store",
    "Permissions-Policy": "",
    "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": settings.X_FRAME_OPTIONS,
    "X-XSS-Protection": "1; mode=block",
}


class HeadersMiddleware(MiddlewareMixin):
    """Adds the headers that a response lacks. Outside Django's SecurityMiddleware, which skips unknown hosts."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == HTTPStatus.NO_CONTENT:
            response.headers.pop("Content-Length", None)  # Django sets 0, which RFC 9110 section 8.6 forbids with 204
        return response
