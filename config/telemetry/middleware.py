"""Times requests. Outermost in `MIDDLEWARE`, if `METRICS_PORT` is set."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponseBase

from config.telemetry import counters
from config.telemetry.statements import Statements, each_statement


class MetricsMiddleware:
    """Counts each request, with its time and that of its SQL statements."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        counters.connect()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        statements = Statements()
        started = perf_counter()
        with each_statement(statements):
            response = self._get_response(request)
        counters.note_request(request, response.status_code, perf_counter() - started, statements)
        return response
