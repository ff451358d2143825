"""One chain of middleware for all test clients, as in a server process.

Django's test client makes a chain anew for each instance. A changed setting makes a new one here, too.
"""

from __future__ import annotations

from typing import Any

from django.test.client import ClientHandler
from django.test.signals import setting_changed

_load: Any = ClientHandler.load_middleware
_chains: list[Any] = []


def share() -> None:
    setattr(ClientHandler, "load_middleware", _load_once)  # noqa: B010 (mypy takes no method of another type)
    setting_changed.connect(_forget)


def _load_once(handler: Any, is_async: bool = False) -> None:
    if not _chains:
        _load(handler, is_async)
        _chains.append(handler._middleware_chain)
    handler._middleware_chain = _chains[0]


def _forget(**_: Any) -> None:
    _chains.clear()
