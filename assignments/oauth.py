"""`grant_type=refresh_token` for warehouse tokens (contract 0.4)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from django.conf import settings

from assignments.models import WarehouseGrant
from assignments.tokens import WarehouseToken
from users.models import User
from users.oauth import BAD_REFRESH_TOKEN, PublicClient, RotatingGrant, token_answer
from users.tokens import Scope


class GrantToken(TokenMixin):
    """A warehouse grant, as Authlib's refresh grant wants to see it."""

    def __init__(self, grant: WarehouseGrant) -> None:
        self.grant = grant

    def check_client(self, client: PublicClient) -> bool:
        return client.client_id == self.grant.session.client_id

    def get_scope(self) -> str:
        return Scope.WAREHOUSE


class WarehouseRefreshGrant(RotatingGrant):
    """A new warehouse token where the person still stands; everything is checked anew."""

    KIND = WarehouseGrant.kind

    def authenticate_refresh_token(self, refresh_token: str) -> GrantToken:
        grant = WarehouseGrant.of_refresh_token(refresh_token)
        still = grant and WarehouseGrant.objects.holding().with_what_it_stands_for().filter(pk=grant.pk).first()
        if not still:
            raise InvalidRequestError(BAD_REFRESH_TOKEN)
        return GrantToken(still)

    def authenticate_user(self, refresh_token: GrantToken) -> User:
        return refresh_token.grant.session.user

    def issue_token(self, user: User, refresh_token: GrantToken) -> dict[str, Any]:
        successor = self.rotated(refresh_token.grant)
        token = WarehouseToken.for_grant(refresh_token.grant)
        return token_answer(str(token), successor, settings.WAREHOUSE_TOKEN_SECONDS)

    def revoke_old_credential(self, refresh_token: GrantToken) -> None:
        """Rotation has used it up."""
