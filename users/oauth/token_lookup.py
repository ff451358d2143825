"""Tokens of ours that come back, as Authlib wants to see them: to be refreshed, withdrawn or told about."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from authlib.oauth2.rfc6749 import TokenMixin
from django.utils.translation import gettext_noop
from rest_framework_simplejwt.exceptions import TokenError

from users.models import Session, User
from users.models.client import Client
from users.oauth.tokens import AccessToken, Scope, SignedToken, scopes_for


class IssuedToken(TokenMixin):
    """A kind of token. Each app registers its own with `server.register_token`."""

    client_id: str

    @classmethod
    @abstractmethod
    def of_access_token(cls, text: str) -> Self | None:
        """The token in this text if it may be believed *now*. At most one query."""

    @classmethod
    @abstractmethod
    def to_withdraw(cls, text: str) -> Self | None:
        """What this access token was issued for, also while it is not believed: it must not hold again later."""

    @classmethod
    @abstractmethod
    def of_refresh_token(cls, text: str) -> Self | None:
        """The token that this text was issued for, whether or not it is still good."""

    @abstractmethod
    def withdraw(self, *, everywhere: bool) -> None:
        """Ends it and all that was issued with it; `everywhere` signs its person out of every device."""

    @abstractmethod
    def claims(self) -> dict[str, Any]:
        """What introspection tells of an access token (RFC 7662 section 2.2)."""

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def is_expired(self) -> bool:
        """Those that no longer hold are not found."""
        return False

    is_revoked = is_expired


def shared_claims(token: SignedToken, person_uuid: Any) -> dict[str, Any]:
    """`act` is the person's uuid in every kind of token (contract 0.4); `exp` is in seconds since 1970."""
    return {
        "sub": token["sub"],
        "act": str(person_uuid),
        "scope": " ".join(token.scopes),
        "client_id": token["aud"],
        "exp": int(token["exp"]),
    }


class SessionToken(IssuedToken):
    """The access and refresh tokens of a session."""

    def __init__(self, session: Session, access_token: AccessToken | None = None) -> None:
        self.session, self.access_token = session, access_token
        self.client_id = session.client_id

    @classmethod
    def of_access_token(cls, text: str) -> Self | None:
        token = _access_token_in(text)
        session = token and token.live_session()
        return cls(session, token) if token and session and _fits(token, session.user) else None

    @classmethod
    def to_withdraw(cls, text: str) -> Self | None:
        token = _access_token_in(text)
        session = (
            token and Session.objects.named_by(**token.identity).filter(ended_at=None).select_related("user").first()
        )
        return cls(session) if session else None

    @classmethod
    def of_refresh_token(cls, text: str) -> Self | None:
        session = Session.of_refresh_token(text)
        return cls(session) if session else None

    def get_scope(self) -> str:
        return " ".join(scopes_for(self.session.user, self.session.requested_scope))

    def withdraw(self, *, everywhere: bool) -> None:
        """Once its session is over, a token has no say in where else its person is signed in."""
        if everywhere and self.session.is_live:
            self.session.user.end_sessions(gettext_noop("signed out everywhere"))
        else:
            self.session.end(gettext_noop("signed out"))

    def claims(self) -> dict[str, Any]:
        assert self.access_token is not None  # noqa: S101 (introspection finds access tokens only)
        return shared_claims(self.access_token, self.session.user.uuid)


def _access_token_in(text: str) -> AccessToken | None:
    """The user's access token that this is, if its signature and times are good."""
    try:
        token = AccessToken(text)
    except TokenError:
        return None
    return token if "id_user" in token.subject else None


def _fits(token: AccessToken, user: User) -> bool:
    """Whether the token's role is still the account's; other programs are told of no token that says more."""
    role = Scope.WAREHOUSE_USER if user.is_warehouse_user else Scope.BACK_OFFICE_USER
    return token.role is role
