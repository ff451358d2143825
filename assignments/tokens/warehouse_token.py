"""The warehouse token: its claims and its lifetime (contract section 2.3)."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt.exceptions import TokenError

from assignments.models import WarehouseGrant
from config.identifiers import parse_uuid
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
