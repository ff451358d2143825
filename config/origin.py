"""Where a request comes from, and which one is at work, for log lines, audit rows and the history."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponseBase

from config.paths import without_secret

_ID_CHARACTERS = 64
_at_work: ContextVar[HttpRequest | None] = ContextVar("request_at_work", default=None)


class OriginMiddleware:
    """Remembers the request until its answer is sent. Stands first, so that every line about a request names it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _at_work.set(request)
        return self.get_response(request)


def _forget(**_: Any) -> None:
    _at_work.set(None)


request_finished.connect(_forget)


def request_at_work() -> HttpRequest | None:
    """The request this thread is answering; None in a command, or in a thread beside the requests."""
    return _at_work.get()


def id_of(request: HttpRequest) -> str:
    """The caller's `X-Request-Id`, or one of ours: the same each time it is asked for."""
    known: str | None = request.META.get("warehouse.request_id")
    if known is None:
        known = request.headers.get("X-Request-Id", "")[:_ID_CHARACTERS] or uuid.uuid4().hex
        request.META["warehouse.request_id"] = known
    return known


def address_of(request: HttpRequest) -> str | None:
    """None where a proxy passes on something that is no address. IPv4 is IPv4, also at a socket of IPv6."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def path_of(request: HttpRequest) -> str:
    """As it may be written down, also of a request that was refused before anybody looked where it leads."""
    return without_secret(request.path)
