"""Finds issued tokens, for Authlib's refresh grant, revocation and introspection."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from authlib.oauth2.rfc6749 import TokenMixin
from django.utils.translation import gettext_noop

from users.models import Session
from users.models.oauth.client import Client
from users.oauth.tokens import AccessToken, SignedToken, role_of, scopes_for


class IssuedToken(TokenMixin):
    """A kind of token. Each app registers its own with `server.register_token`."""

    client_id: str

    @classmethod
    @abstractmethod
    def of_access_token(cls, text: str) -> Self | None:
        """The valid access token in this text, or None. At most one query."""

    @classmethod
    @abstractmethod
    def to_withdraw(cls, text: str) -> Self | None:
        """The access token in this text, also if it is invalid now but could become valid again; or None."""

    @classmethod
    @abstractmethod
    def of_refresh_token(cls, text: str) -> Self | None:
        """The refresh token in this text, valid or not, or None."""

    @abstractmethod
    def withdraw(self, *, everywhere: bool) -> None:
        """Ends its session or grant; with `everywhere`, all sessions of its person."""

    @abstractmethod
    def claims(self) -> dict[str, Any]:
        """The introspection response for an access token (RFC 7662 section 2.2)."""

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def is_expired(self) -> bool:
        """False, since expired tokens are not found."""
        return False

    is_revoked = is_expired


def shared_claims(token: SignedToken, person_uuid: Any) -> dict[str, Any]:
    """Claims of every kind of token: `act` is the person's UUID (contract 0.4), `exp` in seconds since 1970."""
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
        return cls(session, token) if token and session and token.role is role_of(session.user) else None

    @classmethod
    def to_withdraw(cls, text: str) -> Self | None:
        token = _access_token_in(text)
        session = (
            token and Session.objects.by_claims(**token.identity).filter(ended_at=None).select_related("user").first()
        )
        return cls(session) if session else None

    @classmethod
    def of_refresh_token(cls, text: str) -> Self | None:
        session = Session.of_refresh_token(text)
        return cls(session) if session else None

    def get_scope(self) -> str:
        return " ".join(scopes_for(self.session.user, self.session.requested_scope))

    def withdraw(self, *, everywhere: bool) -> None:
        """`everywhere` has no effect for a token of an ended session."""
        if everywhere and self.session.is_live:
            self.session.user.end_sessions(gettext_noop("signed out everywhere"))
        else:
            self.session.end(gettext_noop("signed out"))

    def claims(self) -> dict[str, Any]:
        assert self.access_token is not None  # noqa: S101 (introspection finds access tokens only)
        return shared_claims(self.access_token, self.session.user.uuid)


def _access_token_in(text: str) -> AccessToken | None:
    """The user access token in this text, if its signature and times are valid."""
    token = AccessToken.read(text)
    return token if token and "id_user" in token.subject else None
