"""Checks warehouse tokens: introspection, refresh and revocation (contract 0.4)."""

from __future__ import annotations

from typing import Any, Self

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from django.utils.translation import gettext_noop

from assignments.models import WarehouseGrant
from assignments.tokens.warehouse_token import WarehouseToken
from users.models import User
from users.oauth.errors import BAD_REFRESH_TOKEN
from users.oauth.grants import RotatingGrant, token_answer
from users.oauth.token_lookup import IssuedToken, shared_claims
from users.oauth.tokens import Scope


class GrantToken(IssuedToken):
    """The access and refresh tokens of a warehouse grant."""

    def __init__(self, grant: WarehouseGrant, access_token: WarehouseToken | None = None) -> None:
        self.grant, self.access_token = grant, access_token
        self.client_id = grant.session.client_id

    @classmethod
    def of_access_token(cls, text: str) -> Self | None:
        token = WarehouseToken.read(text)
        grant = token and WarehouseGrant.objects.valid_for_claims(**token.identity)
        return cls(grant, token) if grant else None

    @classmethod
    def to_withdraw(cls, text: str) -> Self | None:
        token = WarehouseToken.read(text)
        grant = token and WarehouseGrant.objects.for_claims(**token.identity).first()
        return cls(grant) if grant else None

    @classmethod
    def of_refresh_token(cls, text: str) -> Self | None:
        grant = WarehouseGrant.of_refresh_token(text)
        return cls(grant) if grant else None

    def get_scope(self) -> str:
        return Scope.WAREHOUSE

    def withdraw(self, *, everywhere: bool) -> None:
        """Ends this grant only, even with `everywhere`: other services hold warehouse tokens."""
        self.grant.end(gettext_noop("signed out"))

    def claims(self) -> dict[str, Any]:
        assert self.access_token is not None  # noqa: S101 (introspection finds access tokens only)
        token = self.access_token
        return shared_claims(token, token["act"]) | {name: token[name] for name in ("assignment", "warehouse")}


class WarehouseRefreshGrant(RotatingGrant):
    """Refreshes a warehouse token if its grant is still valid."""

    KIND = WarehouseGrant.kind

    def authenticate_refresh_token(self, refresh_token: str) -> GrantToken:
        grant = WarehouseGrant.of_refresh_token(refresh_token)
        valid = grant and WarehouseGrant.objects.valid().with_claims().filter(pk=grant.pk).first()
        if not valid:
            raise InvalidRequestError(BAD_REFRESH_TOKEN)
        return GrantToken(valid)

    def authenticate_user(self, refresh_token: GrantToken) -> User:
        return refresh_token.grant.session.user

    def issue_token(self, user: User, refresh_token: GrantToken) -> dict[str, Any]:
        successor = self.rotated(refresh_token.grant)
        token = WarehouseToken.for_grant(refresh_token.grant)
        return token_answer(str(token), successor, token.seconds_left)
