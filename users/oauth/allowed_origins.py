"""Whose pages may read our answers: the origins of clients, as `config.cors` asks for them."""

import logging
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from users.models.client import Client

logger = logging.getLogger(__name__)

#: How many seconds a process goes by what it last read: so soon is a change of a client in force everywhere.
REFRESH_SECONDS = 10


class AllowedOrigins:
    """The origins of all clients, kept in the process. While the database is away, those last known go on."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._read_at: float | None = None

    def __contains__(self, origin: object) -> bool:
        """Compared character by character. The default client's cost no query."""
        if origin in settings.DEFAULT_CLIENT_ORIGINS:
            return True
        if self._read_at is None or monotonic() - self._read_at >= REFRESH_SECONDS:
            self._read()
        return origin in self._known

    def _read(self) -> None:
        self._read_at = monotonic()  # also if it fails: not every request shall wait for a silent database
        try:
            self._known = Client.objects.origins()
        except Error as problem:
            logger.warning("The origins of clients cannot be read; those last known stay in force: %s", problem)


allowed_origins = AllowedOrigins()


def is_allowed(request: HttpRequest, **_: Any) -> bool:
    """Answers django-cors-headers' signal `check_request_enabled`."""
    return request.headers.get("Origin") in allowed_origins
