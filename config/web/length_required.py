"""Refuses a request body of unknown length (RFC 9110 section 15.5.12)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.api import errors


class LengthRequiredMiddleware(MiddlewareMixin):
    """Django reads a WSGI body by its `Content-Length` and would take a chunked body for an empty one.

    A proxy that buffers bodies (`deploy/nginx.conf`) forwards them with a length.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return errors.length_required(request) if "HTTP_TRANSFER_ENCODING" in request.META else None
