"""Health probes for load balancers: liveness and readiness. `config.urls` names the checks.

A failed check raises ApiError or a database error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from config.api import errors
from config.api.errors import ApiError, Fault
from config.api.renderers import PlainJSONRenderer
from config.api.schema.components import Component, members, refusals, response
from config.api.views import ApiViewSet
from config.database.sql import row_of


# --- Checks -----------------------------------------------------------------------------------------------------
def database_takes_changes() -> None:
    """Raises ApiError on a standby or other read-only server: signing in writes.

    Raises OperationalError, which also becomes a 503, if the database does not answer.
    """
    if row_of("SHOW transaction_read_only") == ("on",):  # always while PostgreSQL is in recovery
        raise ApiError(errors.READ_ONLY)


@cache  # success only: migrations are not reverted while a server runs
def migrations_are_applied() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise ApiError(errors.NOT_MIGRATED)


# --- The endpoints ----------------------------------------------------------------------------------------------
def _described(status: str, summary: str, description: str, *faults: Fault) -> Any:
    schema = Component(f"{status.title()}Status", members(status={"type": "string", "enum": [status]}))
    return extend_schema(
        operation_id=f"health_{status}",
        tags=["Health"],
        summary=summary,
        description=description,
        responses={
            200: response(schema, HTTPStatus.OK.phrase, {summary: {"status": status}}),
            **refusals("plain", *faults, errors.CRASHED),
        },
    )


class HealthViewSet(ApiViewSet):
    """Public, for any `Host` header and without TLS: load balancers probe by IP address (`config.web.paths`)."""

    error_shape = "plain"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)


class LiveView(HealthViewSet):
    """`GET /health/live`: restart a process that does not answer. Makes no query."""

    @_described(
        "live",
        "Is the process alive?",
        "Answered whenever the process answers at all; the database is not asked. Restart what does not answer.",
    )
    def retrieve(self, request: Request) -> Response:
        return Response({"status": "live"})


class ReadyView(HealthViewSet):
    """`GET /health/ready`: send no requests to a server that refuses this."""

    #: In this order. The response reports the first that fails, since the later ones depend on it.
    checks: Sequence[Callable[[], None]] = ()

    @_described(
        "ready",
        "Can it serve?",
        "The database answers and takes changes, all migrations are applied, and a signing key can be read. The "
        "error names the first check that fails. Send no requests to a server that refuses this; there is no need to "
        "restart it.",
        errors.UNAVAILABLE,
        errors.READ_ONLY,
        errors.NOT_MIGRATED,
        errors.NO_SIGNING_KEY,
    )
    def retrieve(self, request: Request) -> Response:
        for check in self.checks:
            check()
        return Response({"status": "ready"})
