"""What a warehouse token stands for, and whether it still holds."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from assignments.models.assignment import WarehouseUserAssignment
from config.logs import audit
from config.statements import Insert
from users.models import Session, SigningKey, User
from users.models.refresh_token import RotatingCredential


class WarehouseGrantQuerySet(models.QuerySet["WarehouseGrant"]):
    def start(self, assignment: WarehouseUserAssignment, session: Session) -> tuple[WarehouseGrant, str]:
        """A new grant for where the person stands, with its first refresh token."""
        grant = WarehouseGrant(
            session=session,
            assignment=assignment,
            activation=assignment.activation,
            expires_at=timezone.now() + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
        )
        token = grant.first_refresh_token()
        _GRANT.run(grant)
        return grant, token

    def past_keeping(self) -> WarehouseGrantQuerySet:
        """Expired ones, whose tokens are worth nothing any more: `manage.py purge` deletes them."""
        return self.filter(expires_at__lt=timezone.now())

    def holding(self) -> WarehouseGrantQuerySet:
        """Grants whose tokens still hold *now*: contract 0.4, "Ended at once", in one query."""
        now = timezone.now()
        return self.filter(
            expires_at__gt=now,
            activation=models.F("assignment__activation"),
            assignment__is_active=True,
            assignment__warehouse__is_active=True,
            assignment__user=models.F("session__user"),
            session__ended_at=None,
            session__expires_at__gt=now,
            session__user__status=User.Status.ACTIVE,
            session__user__is_warehouse_user=True,
        )

    def of_sessions(self, sessions: models.QuerySet[Session]) -> WarehouseGrantQuerySet:
        """Those of these sessions whose tokens still hold."""
        return self.holding().filter(session__in=sessions.order_by().values("pk"))

    def with_what_it_stands_for(self) -> WarehouseGrantQuerySet:
        """Along with all that a token says, so that it can be written even if the rows vanish meanwhile."""
        return self.select_related("session__user", "assignment__user", "assignment__warehouse")

    def for_claims(
        self, *, grant: UUID, session: UUID, assignment: UUID, warehouse: UUID, kid: str
    ) -> WarehouseGrantQuerySet:
        """The grant that a token with these claims was issued under, if it still stands for what the token says."""
        return self.filter(
            pk=grant, session=session, assignment__uuid=assignment, assignment__warehouse__uuid=warehouse
        ).filter(SigningKey.objects.have(kid))


class WarehouseGrant(RotatingCredential):
    """What a warehouse token stands for: this session's person, standing in this assignment, this time."""

    kind: ClassVar[str] = "warehouse"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="warehouse_grants")
    #: PostgreSQL itself deletes the grants with the assignment: what Django would delete first could be added to
    #: meanwhile.
    assignment = models.ForeignKey(WarehouseUserAssignment, on_delete=models.DO_NOTHING, related_name="grants")
    activation = models.PositiveIntegerField()

    objects = WarehouseGrantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.session_id} in {self.assignment_id}"

    def end(self, reason: str) -> None:
        """Withdraws every token issued under it."""
        audit.warning("Warehouse Grant Ended", session=str(self.session_id), reason=reason)
        self.delete()


_GRANT = Insert(WarehouseGrant)
