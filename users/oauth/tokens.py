"""JWTs: claims, scopes and signatures (RFC 7519, RS256; contract 0.4 and section 4)."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

import orjson
from django.conf import settings
from django.utils.functional import cached_property
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from config.audit.log import audit
from config.identifiers import parse_uuid
from users.models import AuditEvent, Session, User
from users.oauth.key_ring import KeyRing, key_ring
from users.sign_in.refusals import SessionReason


class Scope(StrEnum):
    """Contract section 4.2."""

    USER = "user"
    BACK_OFFICE_USER = "back-office-user"
    WAREHOUSE_USER = "warehouse-user"
    WAREHOUSE = "warehouse"


class SignedToken(Token):
    """Base of user and warehouse tokens. Times are whole seconds since 1970, rounded down (contract 0.5)."""

    lifetime: timedelta
    token_type = "access"  # noqa: S105 (a kind, not a secret)

    def __init__(self, token: Any = None, verify: bool = True) -> None:
        super().__init__(token, verify)
        if token is None:
            del self.payload[api_settings.TOKEN_TYPE_CLAIM]  # subject and scopes determine the kind
            self.payload |= {"iss": settings.ISSUER, "nbf": self.payload["iat"]}

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The token in this text; None unless its signature and times are valid."""
        try:
            return cls(text)
        except TokenError:
            return None

    def get_token_backend(self) -> KeyRing:
        return key_ring

    def set_jti(self) -> None:
        self.payload["jti"] = secrets.token_hex(40)

    def end_by(self, *moments: datetime | None) -> None:
        """Lets it expire at the earliest of these moments, if that is before its own expiry. None is no moment."""
        for moment in filter(None, moments):
            self.payload["exp"] = min(self.payload["exp"], int(moment.timestamp()))

    @property
    def seconds_left(self) -> int:
        """The seconds from its issue to its expiry: its lifetime, or less (`end_by`)."""
        return max(0, int(self.payload["exp"] - self.payload["iat"]))

    def verify_token_type(self) -> None:
        """Does nothing: the subject determines the type."""

    @property
    def kid(self) -> str:
        """The id of the key that signed it."""
        return self.get_token_backend().kid_of(self.token)

    @cached_property
    def subject(self) -> dict[str, Any]:
        """The object in `sub`, which is a JSON string (contract section 4.1)."""
        try:
            subject = orjson.loads(self.payload["sub"])
        except (KeyError, TypeError, ValueError):
            return {}
        return subject if isinstance(subject, dict) else {}

    @property
    def session_id(self) -> UUID:
        """The session that it belongs to (`sid`)."""
        return _uuid_claim(self.payload.get("sid"))

    @property
    def scopes(self) -> list[str]:
        scopes = self.payload.get("scopes")
        return scopes if isinstance(scopes, list) else []


def _uuid_claim(value: Any) -> UUID:
    return parse_uuid(value if isinstance(value, str) else None)


class AccessToken(SignedToken):
    """A user access token: the person, their session, and the account's scopes at issue.

    It expires with the employment, or before.
    """

    lifetime = timedelta(seconds=settings.ACCESS_TOKEN_SECONDS)
    #: Set by authentication.
    session: Session

    @classmethod
    def for_session(cls, session: Session, scopes: list[str]) -> AccessToken:
        token = cls()
        user = session.user
        subject = {"user_reference": None, "id_user": user.pk, "uuid": str(user.uuid)}
        token.payload |= {
            "sub": json.dumps(subject, separators=(",", ":")),
            "aud": session.client_id,
            "sid": str(session.pk),
            "scopes": scopes,
        }
        token.end_by(user.employed_until)
        return token

    @property
    def user_uuid(self) -> UUID:
        return _uuid_claim(self.subject.get("uuid"))

    @property
    def identity(self) -> dict[str, Any]:
        """The claims that identify its session (`Session.objects.live_by_claims` and `by_claims`)."""
        return {
            "session": self.session_id,
            "client": str(self.get("aud")),
            "person": self.user_uuid,
            "kid": self.kid,
        }

    def live_session(self) -> Session | None:
        """Its live session with its active person, or None. One query.

        Also None if its key was deleted after this process had read the keys, which are then read again.
        """
        session = Session.objects.live_by_claims(**self.identity)
        if session is not None and not session.is_key_known:
            self.get_token_backend().mark_outdated()
            if AuditEvent.objects.named(user_uuid=session.user.uuid).has_room("access_token_refused"):
                code = SessionReason.KEY_REMOVED
                audit.warning("Access Token Refused", tag="access_token_refused", **session.names, code=code)
            return None
        return session

    @property
    def role(self) -> Scope | None:
        """The scope that determines the rights; exactly `["user"]` is a Back Office token."""
        if Scope.WAREHOUSE_USER in self.scopes:
            return Scope.WAREHOUSE_USER
        if Scope.BACK_OFFICE_USER in self.scopes or self.scopes == [Scope.USER]:
            return Scope.BACK_OFFICE_USER
        return None


def role_of(user: User) -> Scope:
    """The scope of the account's rights."""
    return Scope.WAREHOUSE_USER if user.is_warehouse_user else Scope.BACK_OFFICE_USER


def scopes_for(user: User, requested: str) -> list[str]:
    """The scopes of a token for this account. The requested ones can only narrow them."""
    role = role_of(user)
    wanted = set(requested.split()) & set(Scope)
    if wanted and role is Scope.BACK_OFFICE_USER and role not in wanted:
        return [Scope.USER]
    return [Scope.USER, role]
