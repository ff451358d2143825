"""Authentication by the `Authorization` header, with one query (contract section 3.3)."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.api import errors
from config.api.errors import ApiError
from users.models import User
from users.oauth.tokens import AccessToken, Scope


class BearerAuthentication(BaseAuthentication):
    """RFC 6750 section 2.1. All invalid tokens are refused alike."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, AccessToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        token = _token_in(header)
        if "id_warehouse" in token.subject:
            return AnonymousUser(), token  # names no person, and has no rights here
        if "id_user" not in token.subject:
            raise ApiError(errors.NOBODY_IN_TOKEN)
        return self._person(token), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def _person(self, token: AccessToken) -> User:
        """The person of the live session. The token identifies them; the database has their rights."""
        session = token.live_session()
        if session is None:
            raise ApiError(errors.INVALID_TOKEN)
        session.note_use(timezone.now())
        token.session = session
        user = session.user
        user.own_rows_only = token.role is not Scope.BACK_OFFICE_USER
        return user


def _token_in(header: str) -> AccessToken:
    """The token in a header, with valid signature and times. Raises ApiError 401."""
    parts = header.split()
    if len(parts) < 2:
        raise ApiError(errors.MISSING_TOKEN)
    if len(parts) > 2 or parts[0].lower() != "bearer":
        raise ApiError(errors.INVALID_TOKEN)
    token = AccessToken.read(parts[1])
    if token is None:
        raise ApiError(errors.INVALID_TOKEN)
    return token
