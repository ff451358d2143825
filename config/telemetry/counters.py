"""What each worker counts. The labels are bounded: names in the code only, never what a client sends.

Each process writes to files of its own, which are added up for a scrape (`config.telemetry.worker_files`).
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from django.http import HttpRequest
from prometheus_client import Counter, Histogram

from config.audit.event_titles import TITLES
from config.telemetry import signals
from config.telemetry.routes import OTHER, method_of, route_of
from config.telemetry.statements import Statements

#: Grant types and kinds of token that go together.
_ISSUED = {
    ("password", "session"),
    ("authorization_code", "session"),
    ("refresh_token", "session"),
    ("refresh_token", "warehouse"),
    ("client_credentials", "client"),
}

requests = Histogram(
    "warehouse_http_request_seconds",
    "Time from when a worker begins with a request to when its answer begins, by name of the URL pattern.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
database_seconds = Counter(
    "warehouse_database_seconds_total", "Time that requests wait for SQL statements, without COMMIT.", ["route"]
)
statements = Counter("warehouse_database_statements_total", "SQL statements of requests.", ["route"])
security_events = Counter(
    "warehouse_security_events_total",
    "Security events by tag (contract section 4.5): sign-ins, refusals, withdrawals.",
    ["event"],
)
tokens_issued = Counter(
    "warehouse_tokens_issued_total", "Successful requests to /token, by grant and kind of token.", ["grant", "kind"]
)
introspections = Counter("warehouse_introspections_total", "Tokens introspected, by whether active.", ["active"])
sign_ins_blocked = Counter(
    "warehouse_sign_ins_blocked_total", "Sign-ins refused without checking the password, after earlier failures."
)


# --- Requests ---------------------------------------------------------------------------------------------------
def note_request(request: HttpRequest, status: int, seconds: float, done: Statements) -> None:
    """Counts an answered request, with its SQL statements."""
    route = route_of(request)
    _requests_of(route, method_of(request), status).observe(seconds)
    if done.number:
        waited, number = _statements_of(route)
        waited.inc(done.seconds)
        number.inc(done.number)


@cache
def _requests_of(route: str, method: str, status: int) -> Any:
    """`labels` looks up text; this looks up what is there."""
    return requests.labels(route, method, status)


@cache
def _statements_of(route: str) -> tuple[Any, Any]:
    return database_seconds.labels(route), statements.labels(route)


# --- Events -----------------------------------------------------------------------------------------------------
class CountingHandler(logging.Handler):
    """Counts the records of the logger of security events, by tag."""

    def emit(self, record: logging.LogRecord) -> None:
        line: dict[str, Any] = record.msg if isinstance(record.msg, dict) else {}
        tag = str(line.get("tag") or _TAGS.get(line.get("event", "")))
        security_events.labels(tag if tag in TITLES else OTHER).inc()


_TAGS = {title: tag for tag, title in TITLES.items()}


def _count_issued(grant: str, kind: str, **_: Any) -> None:
    tokens_issued.labels(*((grant, kind) if (grant, kind) in _ISSUED else (OTHER, OTHER))).inc()


def _count_introspected(active: bool, **_: Any) -> None:
    introspections.labels(str(active).lower()).inc()


def _count_blocked(**_: Any) -> None:
    sign_ins_blocked.inc()


def connect() -> None:
    """Begins to count events, each from 0: Prometheus sees no increase in a counter that begins with 1.

    Further calls change nothing.
    """
    for tag in TITLES:
        security_events.labels(tag)
    for issued in _ISSUED:
        tokens_issued.labels(*issued)
    for active in ("true", "false"):
        introspections.labels(active)
    signals.token_issued.connect(_count_issued)
    signals.token_introspected.connect(_count_introspected)
    signals.sign_in_blocked.connect(_count_blocked)
    logger = logging.getLogger("security")
    if not any(isinstance(handler, CountingHandler) for handler in logger.handlers):
        logger.addHandler(CountingHandler())
