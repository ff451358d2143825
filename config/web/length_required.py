"""Refuses a request body of unknown length (RFC 9110 section 15.5.12)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.api import errors


class LengthRequiredMiddleware:
    """Django reads a WSGI body by its `Content-Length` and would take a chunked body for an empty one.

    A proxy that buffers bodies (`deploy/nginx.conf`) forwards them with a length.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return errors.length_required(request)
        return self.get_response(request)
