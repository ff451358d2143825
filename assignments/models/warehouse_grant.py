"""Warehouse grants: the rows by which warehouse tokens are refreshed, checked and withdrawn (contract 0.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from assignments.models.assignment import WarehouseUserAssignment
from assignments.querysets import working
from config.audit.log import audit
from config.database.compiled_queries import Insert, Parameter, Select
from users.models import Session, SigningKey
from users.models.oauth.refresh_token import RotatingCredential


class WarehouseGrantQuerySet(models.QuerySet["WarehouseGrant"]):
    def past_retention(self) -> WarehouseGrantQuerySet:
        """Expired grants. `manage.py purge` deletes them."""
        return self.filter(expires_at__lt=timezone.now())

    def valid(self, now: datetime | Parameter | None = None) -> WarehouseGrantQuerySet:
        """Grants whose tokens are valid now (contract 0.4, "Ended at once")."""
        now = now or timezone.now()
        return self.filter(
            working("assignment__"),
            expires_at__gt=now,
            activation=models.F("assignment__activation"),
            assignment__user=models.F("session__user"),
            session__ended_at=None,
            session__expires_at__gt=now,
        )

    def of_sessions(self, sessions: models.QuerySet[Session]) -> WarehouseGrantQuerySet:
        """The valid grants of these sessions."""
        return self.valid().filter(session__in=sessions.order_by().values("pk"))

    def with_claims(self) -> WarehouseGrantQuerySet:
        """With all rows that a token's claims are made from, in the same query."""
        return self.select_related("session__user", "assignment__user", "assignment__warehouse")

    def for_claims(
        self, *, grant: Any, session: Any, assignment: Any, warehouse: Any, kid: Any
    ) -> WarehouseGrantQuerySet:
        """The grant of a token with these claims: one or none, if session and assignment match, too."""
        return self.select_related("session").filter(
            SigningKey.objects.have(kid),
            pk=grant,
            session=session,
            assignment__uuid=assignment,
            assignment__warehouse__uuid=warehouse,
        )


class WarehouseGrantManager(models.Manager.from_queryset(WarehouseGrantQuerySet)):  # type: ignore[misc]
    """Statements of nearly every request, compiled once: methods of the manager, as they need no queryset."""

    def start(self, assignment: WarehouseUserAssignment, session: Session) -> tuple[WarehouseGrant, str]:
        """A new grant for the current activation of an assignment, and its first refresh token."""
        grant = WarehouseGrant(
            session=session,
            assignment=assignment,
            activation=assignment.activation,
            expires_at=timezone.now() + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
        )
        token = grant.first_refresh_token()
        _INSERT.run(grant)
        return grant, token

    def valid_for_claims(self, **claims: Any) -> WarehouseGrant | None:
        """The row of `for_claims` if it is valid, from one compiled query. Reads only the session's client.

        `claims` are those of `WarehouseToken.identity`.
        """
        return _VALID_FOR_CLAIMS.first(now=timezone.now(), **claims)


class WarehouseGrant(RotatingCredential):
    """Permits the person of a session to hold warehouse tokens for one activation of an assignment."""

    kind: ClassVar[str] = "warehouse"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="warehouse_grants")
    #: PostgreSQL deletes the grants by cascade. Django would miss a grant inserted between its two DELETEs.
    assignment = models.ForeignKey(WarehouseUserAssignment, on_delete=models.DO_NOTHING, related_name="grants")
    activation = models.PositiveIntegerField()

    objects = WarehouseGrantManager()

    def __str__(self) -> str:
        return f"{self.session_id} in {self.assignment_id}"

    def end(self, reason: str) -> None:
        """Withdraws every token of the grant."""
        audit.warning("Warehouse Grant Ended", session=str(self.session_id), reason=reason)
        self.delete()


_INSERT = Insert(WarehouseGrant)

_VALID_FOR_CLAIMS: Select[WarehouseGrant] = Select(
    lambda: (
        WarehouseGrant.objects.valid(Parameter("now", models.DateTimeField()))
        .for_claims(
            grant=Parameter("grant", models.UUIDField()),
            session=Parameter("session", models.UUIDField()),
            assignment=Parameter("assignment", models.UUIDField()),
            warehouse=Parameter("warehouse", models.UUIDField()),
            kid=Parameter("kid", models.CharField()),
        )
        .only("session__client_id")
    )
)
