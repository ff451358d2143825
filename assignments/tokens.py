"""Issues warehouse tokens (contract 0.4 and section 2.3)."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from rest_framework_simplejwt.exceptions import TokenError

from assignments import errors
from assignments.models import WarehouseGrant, WarehouseUserAssignment
from config.audit_log import audit
from config.identifiers import parse_uuid
from config.rule_errors import RuleError
from users.models import Session
from users.oauth.tokens import Scope, SignedToken


class WarehouseToken(SignedToken):
    """A JWT that proves a person's current warehouse to other services."""

    lifetime = timedelta(seconds=settings.WAREHOUSE_TOKEN_SECONDS)

    @classmethod
    def for_grant(cls, grant: WarehouseGrant) -> WarehouseToken:
        """A token that expires with the assignment or the employment, or before."""
        token = cls()
        assignment, session = grant.assignment, grant.session
        token.payload |= {
            "jti": grant.pk.hex + secrets.token_hex(24),  # 80 hex digits; the first 32 are the key of the grant
            "sub": json.dumps({"id_warehouse": assignment.warehouse_id}, separators=(",", ":")),
            "aud": session.client_id,
            "sid": str(session.pk),
            "act": str(assignment.user.uuid),
            "assignment": str(assignment.uuid),
            "warehouse": str(assignment.warehouse.uuid),
            "scopes": [Scope.WAREHOUSE],
        }
        token.end_by(assignment.ends_at, assignment.user.employed_until)
        return token

    def verify(self) -> None:
        super().verify()
        if self.scopes != [Scope.WAREHOUSE] or "id_warehouse" not in self.subject:
            raise TokenError("Not a warehouse token")

    @property
    def grant_id(self) -> UUID:
        digits = str(self.payload["jti"])[:32]
        return parse_uuid(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments of `WarehouseGrant.objects.for_claims`."""
        return {
            "grant": self.grant_id,
            "session": self.session_id,
            "assignment": parse_uuid(self.get("assignment")),
            "warehouse": parse_uuid(self.get("warehouse")),
            "kid": self.kid,
        }


def issue(session: Session) -> tuple[WarehouseToken, str]:
    """A warehouse token for the current warehouse of the session's person, and its refresh token. Logs both outcomes.

    Raises RuleError 5101 unless the person is an active warehouse user with an active warehouse.
    """
    person = session.user
    assignment = WarehouseUserAssignment.objects.active_for(person)
    if assignment is None:
        raise _refused(session)
    assignment.user = person
    try:
        grant, refresh_token = WarehouseGrant.objects.start(assignment, session)
    except IntegrityError:  # the assignment was deleted since it was read
        raise _refused(session) from None
    audit.info("Successful Login (Warehouse User)", tag="warehouse_user_successful_login", user_uuid=str(person.uuid))
    return WarehouseToken.for_grant(grant), refresh_token


def _refused(session: Session) -> RuleError:
    person = str(session.user.uuid)
    audit.warning("Failed Login (Warehouse User)", tag="warehouse_user_failed_login", user_uuid=person)
    return RuleError(errors.FORBIDDEN)
