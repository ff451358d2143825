"""Traces by OpenTelemetry: a span for each request, within the trace of its `traceparent`, one for each SQL statement.

The SDK reads the variables `OTEL_*` by itself. OpenTelemetry's own middleware for Django is not used: it refuses health
probes, whose `Host` may be any, and writes down whole URLs. Nor is its wrapper of psycopg, which does not see compiled
queries. Spans hold names and SQL with placeholders, no value that a client has sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id

from config.telemetry.routes import method_of, route_of
from config.telemetry.statements import each_statement
from config.web import request_context

_tracer = trace.get_tracer(__name__)


def start() -> None:
    """Sends spans to `OTEL_EXPORTER_OTLP_ENDPOINT` from a thread beside this process's requests."""
    os.environ.setdefault("OTEL_SERVICE_NAME", "warehouse-user-management")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


class TracingMiddleware:
    """Outermost in `MIDDLEWARE`, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        start()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        method = method_of(request)
        parent = propagate.extract(request.headers)
        with _tracer.start_as_current_span(method, parent, SpanKind.SERVER) as span:
            request_context.set_trace_id(request, format_trace_id(span.get_span_context().trace_id))
            with each_statement(_trace_statement) if span.is_recording() else nullcontext():
                response = self._get_response(request)
            route = route_of(request)
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                    "warehouse.request_id": request_context.request_id(request),
                }
            )
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response


def _trace_statement(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Outermost of the connection's wrappers: it does not see what django-pghistory adds, which holds values."""
    attributes = {"db.system.name": "postgresql", "db.query.text": str(sql)}
    with _tracer.start_as_current_span(str(sql).split(None, 1)[0], kind=SpanKind.CLIENT, attributes=attributes):
        return execute(sql, params, many, context)
