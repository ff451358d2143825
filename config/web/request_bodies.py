"""Refuses request bodies that cannot be read as they are: of unknown length, or compressed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.api import errors


class RequestBodyMiddleware(MiddlewareMixin):
    """411 for a chunked body (RFC 9110 section 15.5.12), 415 for a compressed one (its section 15.5.16; contract 0.5).

    Django reads a WSGI body by its `Content-Length` and would take a chunked body for an empty one. A proxy that
    buffers bodies (`deploy/nginx.conf`) forwards them with a length.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return errors.refuse_body(request, errors.LENGTH_REQUIRED)
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            return errors.refuse_body(request, errors.COMPRESSED)
        return None
