"""Request context: the request, its id, trace and client's address, for log lines, audit rows and the history."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

from config.web.paths import redact_reset_link

#: A client's `X-Request-Id` that is used: short enough for its column, and harmless in every log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,64}")
#: The header of W3C Trace Context, section 3.2.2; later versions may append to it.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")
_current: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


class RequestContextMiddleware(MiddlewareMixin):
    """Sets the current request until its response is sent. Outermost, so that every log line can name the request."""

    def process_request(self, request: HttpRequest) -> None:
        _current.set(request)


def _clear(**_: Any) -> None:
    _current.set(None)


request_finished.connect(_clear)


def current_request() -> HttpRequest | None:
    """The request that this thread answers; None in a command and in a background thread."""
    return _current.get()


def request_id(request: HttpRequest) -> str:
    """The client's `X-Request-Id` if it is like `_REQUEST_ID`, else a generated one; the same for the whole request."""
    known: str | None = request.META.get("warehouse.request_id")
    if known is None:
        sent = request.headers.get("X-Request-Id", "")
        known = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        request.META["warehouse.request_id"] = known
    return known


def trace_id(request: HttpRequest) -> str | None:
    """The trace that the request is part of: what `set_trace_id` has set, or its `traceparent` header says."""
    known: str | None = request.META.get("warehouse.trace_id")
    if known is None and (sent := _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))):
        return sent["trace"]
    return known


def set_trace_id(request: HttpRequest, trace: str) -> None:
    """Called when a trace begins or goes on with the request (`config.telemetry.tracing`)."""
    request.META["warehouse.trace_id"] = trace


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address; None if a proxy forwards an invalid one. An IPv4-mapped address is returned as IPv4."""
    return _parsed(request.META.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def loggable_path(request: HttpRequest) -> str:
    """The path with secrets redacted. Works without URL resolution, so for refused requests too."""
    return redact_reset_link(request.path)
