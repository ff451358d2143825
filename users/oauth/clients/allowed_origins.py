"""The allowed origins of all clients, for `config.web.cors`."""

import logging
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from users.models.oauth.client import Client

logger = logging.getLogger(__name__)

#: Interval at which a process reads the origins again, and maximum delay of a change.
REFRESH_SECONDS = 10


class AllowedOrigins:
    """A cache of the origins. While the database is unavailable, the last known ones stay in force."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._read_at: float | None = None

    def __contains__(self, origin: object) -> bool:
        """Exact comparison. No query for the default client's origins."""
        if origin in settings.DEFAULT_CLIENT_ORIGINS:
            return True
        if self._read_at is None or monotonic() - self._read_at >= REFRESH_SECONDS:
            self._read()
        return origin in self._known

    def _read(self) -> None:
        self._read_at = monotonic()  # also after a failure, so that not every request waits
        try:
            self._known = Client.objects.origins()
        except Error as problem:
            logger.warning("The origins of clients cannot be read; those last known stay in force: %s", problem)


allowed_origins = AllowedOrigins()


def is_allowed(request: HttpRequest, **_: Any) -> bool:
    """Receiver of django-cors-headers' signal `check_request_enabled`."""
    return request.headers.get("Origin") in allowed_origins
