"""What load balancers ask: whether this process lives, and whether it can serve. The site map names the checks.

A check raises ApiError, or lets the database speak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from config import errors
from config.errors import ApiError, Fault
from config.jsonapi.renderers import PlainJSONRenderer
from config.schema import Answer, ApiSchema, Component, Operation
from config.views import ApiViewSet


# --- What must hold before the site can serve -------------------------------------------------------------------
def database_takes_changes() -> None:
    """Raises ApiError on a standby and wherever else nothing can be written, as signing in does.

    Raises OperationalError, which is a 503 of its own, where the database does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")  # always on while PostgreSQL is in recovery
        if cursor.fetchone() == ("on",):
            raise ApiError(errors.READ_ONLY)


@cache  # an answer is kept, a refusal is not: nobody takes a migration back under a server at work
def migrations_are_applied() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise ApiError(errors.NOT_MIGRATED)


# --- The endpoints ----------------------------------------------------------------------------------------------
def _answered(id: str, summary: str, description: str, status: str, *faults: Fault) -> Operation:
    schema = Component(
        f"{status.title()}Status",
        {"type": "object", "required": ["status"], "properties": {"status": {"type": "string", "enum": [status]}}},
    )
    return Operation(
        id=id,
        summary=summary,
        description=description,
        answer=Answer(HTTPStatus.OK.phrase, schema=schema, examples={summary: {"status": status}}),
        faults=faults,
    )


class HealthViewSet(ApiViewSet):
    """For anyone, whatever host they name and without TLS: probes come from inside, by address (`config.paths`)."""

    error_shape = "plain"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainJSONRenderer,)


class LiveView(HealthViewSet):
    """`GET /health/live`: where this is not answered, restart the process. The database is not asked."""

    schema = ApiSchema(
        tag="Health",
        list=_answered(
            "health_live",
            "Is the process alive?",
            "Answered whenever the process answers at all; the database is not asked. Restart what does not answer.",
            "live",
        ),
    )

    def list(self, request: Request) -> HttpResponse:
        return self.answer({"status": "live"})


class ReadyView(HealthViewSet):
    """`GET /health/ready`: where this is refused, send nobody here for the moment."""

    #: Asked in this order; the first that fails is told, since the next ones need what it looked for.
    checks: Sequence[Callable[[], None]] = ()
    schema = ApiSchema(
        tag="Health",
        list=_answered(
            "health_ready",
            "Can it serve?",
            "The database answers and takes changes, all migrations are applied, and a signing key can be read. The "
            "first of these that does not hold is told. Send nobody to a server that refuses this; there is no need to "
            "restart it.",
            "ready",
            errors.UNAVAILABLE,
            errors.READ_ONLY,
            errors.NOT_MIGRATED,
            errors.NO_SIGNING_KEY,
        ),
    )

    def list(self, request: Request) -> HttpResponse:
        for check in self.checks:
            check()
        return self.answer({"status": "ready"})
