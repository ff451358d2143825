"""Refuses what has waited too long, while more is asked of a worker than it can do.

Requests wait in granian's queue, where nobody sees for how long. So markers go through that queue, too: while one of
them is still in there, whatever comes out has waited longer than it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from django.conf import settings
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from config.paths import LIVE

logger = logging.getLogger(__name__)

#: A marker goes into the queue at most so often.
_MARK_SECONDS = 0.05
#: What has been asked counts half so many seconds later.
_HALF_LIFE_SECONDS = 1.0
#: Nothing refused for so long: the worker keeps up again.
_WELL_SECONDS = 1.0


class Marker:
    """Something in the queue of which it is known since when. It is called when it comes out."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.sent = time.monotonic()

    def __call__(self, piece: Any) -> None:
        self._queue.passed(self)


class Queue:
    """The requests that wait for this worker, seen from where they come out.

    One request that takes long makes others wait, and needs no help: they are answered in no time afterwards. So nobody
    is refused before all that comes out has waited longer than `MAX_WAIT_SECONDS` for half of that time. From then on
    the queue is kept short: loud callers are refused when they have waited for a tenth of it; the others, whom a loud
    one must not keep out, when they have waited for five times of it. It ends when nobody is refused any more.
    """

    def __init__(self) -> None:
        self._markers: deque[Marker] = deque()
        self._late_since: float | None = None
        self._refused_at: float | None = None
        self._refused = 0
        self._callers = Callers(0)

    def mark(self, protocol: Any) -> None:
        """Sends a marker, if one is due. The protocol is that of an answer that has gone out, with no more to come."""
        if self._markers and time.monotonic() - self._markers[-1].sent < _MARK_SECONDS:
            return
        self._markers.append(Marker(self))
        protocol.receive().add_done_callback(self._markers[-1])

    def passed(self, marker: Marker) -> None:
        """Also forgets those sent before, should one have been lost."""
        while self._markers and self._markers[0].sent <= marker.sent:
            self._markers.popleft()

    def refuses(self, environ: dict[str, Any]) -> bool:
        """Whether the request that has just come out is to be refused."""
        now = time.monotonic()
        waited = now - self._markers[0].sent if self._markers else 0.0
        if not self._is_long(waited, now):
            return False
        is_loud = self._callers.is_loud(environ, now)
        most = settings.MAX_WAIT_SECONDS * (0.1 if is_loud else 5)
        if self._refused_at is None or waited <= most or environ["PATH_INFO"] == LIVE:  # a restart would not help
            return False
        self._refused_at = now
        self._refused += 1
        return True

    def _is_long(self, waited: float, now: float) -> bool:
        if self._refused_at is not None:
            if now - self._refused_at > _WELL_SECONDS:
                self._be_well()
        elif waited <= settings.MAX_WAIT_SECONDS:
            self._late_since = None
        elif self._late_since is None:
            self._late_since, self._callers = now, Callers(now)
        elif now - self._late_since > settings.MAX_WAIT_SECONDS / 2:
            self._be_ill(now)
        return self._late_since is not None

    def _be_ill(self, now: float) -> None:
        self._refused_at = now
        logger.warning("More is asked of this worker than it can do: requests are refused")

    def _be_well(self) -> None:
        logger.warning("This worker keeps up again: %s requests were refused", self._refused)
        self._late_since = self._refused_at = None
        self._refused = 0


class Callers:
    """Who has asked how much of late, by address."""

    def __init__(self, now: float) -> None:
        self._asked: Counter[str] = Counter()
        self._total = 0
        self._since = now

    def is_loud(self, environ: dict[str, Any], now: float) -> bool:
        """Whether this one, who asks once more, asks as much as the average or more."""
        if now - self._since > _HALF_LIFE_SECONDS:
            self._asked = Counter({address: asked // 2 for address, asked in self._asked.items() if asked > 1})
            self._total, self._since = self._asked.total(), now
        address = _address_of(dict(environ), None)
        self._asked[address] += 1
        self._total += 1
        return self._asked[address] * len(self._asked) >= self._total


def _remote_address(environ: dict[str, Any], start_response: Any) -> str:
    return str(environ["REMOTE_ADDR"])


#: Where a request comes from, as its proxy tells if that is a trusted one.
_address_of: Callable[[dict[str, Any], Any], str] = wrap_wsgi_with_proxy_headers(
    _remote_address, trusted_hosts=settings.TRUSTED_PROXIES
)
