"""Grants: authorization code with PKCE, password, refresh token (RFC 6749, RFC 7636; contract 2.1 and 2.2)."""

from __future__ import annotations

import re
from typing import Any

import orjson
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    RefreshTokenGrant,
    ResourceOwnerPasswordCredentialsGrant,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import compare_s256_code_challenge
from django.contrib.auth import authenticate
from django.utils.translation import gettext_noop

from config.audit.log import audit
from users.models import AuditEvent, Session, User
from users.models.oauth.authorization_code import AuthorizationCode, CodeRefusedError, CodeReplayedError
from users.models.oauth.client import Client
from users.models.oauth.refresh_token import RefreshRefusedError, RefreshTokenReusedError
from users.oauth.errors import (
    BAD_CREDENTIALS,
    BAD_REFRESH_TOKEN,
    BlockedError,
    TemporaryPasswordError,
    log_refused_client,
)
from users.oauth.requests import Request
from users.oauth.sessions import redeem, start_session
from users.oauth.token_lookup import IssuedToken, SessionToken
from users.oauth.tokens import AccessToken, scopes_for
from users.sign_in.lockouts.failed_attempts import is_blocked, log_failure
from users.sign_in.refusals import Entry, is_registered, sign_in_reasons

#: Authentication methods: `none` for public clients, the others for confidential ones (RFC 6749 section 2.3).
CLIENT_METHODS = ("none", "client_secret_basic", "client_secret_post")
#: Maximum length of an e-mail address, to which user names are truncated in the log.
_LOGGED_CHARACTERS = 254


# --- Shared by the grants ---------------------------------------------------------------------------------------
def token_answer(access_token: str, refresh_token: str, expires_in: int) -> dict[str, Any]:
    """The body of a successful `/token` (RFC 6749 section 5.1)."""
    return {
        "token_type": "Bearer",
        "expires_in": expires_in,
        "access_token": access_token,
        "refresh_token": refresh_token,
    }


def _session_answer(session: Session, refresh_token: str, scope: str = "") -> dict[str, Any]:
    token = AccessToken.for_session(session, scopes_for(session.user, scope or session.requested_scope))
    return token_answer(str(token), refresh_token, token.seconds_left)


def _signed_in(session: Session, refresh_token: str) -> dict[str, Any]:
    audit.info("Successful Login", tag="successful_login", username=session.user.email, **session.names)
    return _session_answer(session, refresh_token)


def _authenticated(request: Request, username: str, password: str) -> User:
    """The person with this name and password. Logs a failure.

    Raises BlockedError, InvalidGrantError, or TemporaryPasswordError, which only a right password brings about.
    """
    # Django's backend also hashes for an unknown user, so that the time does not disclose accounts.
    user = authenticate(request.django, username=username, password=password)
    if user is None:
        log_failure(request.django, username[:_LOGGED_CHARACTERS])
        if is_blocked(request.django):
            raise BlockedError(getattr(request.django, "retry_after", 1))
        raise InvalidGrantError(BAD_CREDENTIALS)
    if any(sign_in_reasons(user, Entry.APP, user.read_at)):  # the other reasons are refused above
        audit.warning("Temporary Password Not Changed", tag="temporary_password_not_changed", username=user.email)
        raise TemporaryPasswordError
    return user


# --- By password ------------------------------------------------------------------------------------------------
class PasswordGrant(ResourceOwnerPasswordCredentialsGrant):
    """RFC 6749 section 4.3."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def authenticate_user(self, username: str, password: str) -> User:
        return _authenticated(self.request, username, password)

    def generate_token(self, user: User, scope: str | None = None, **_: Any) -> dict[str, Any]:
        started = start_session(
            user, client_id=self.client.client_id, requested_scope=scope or "", request=self.request.django
        )
        if started is None:
            raise InvalidGrantError(BAD_CREDENTIALS)
        return _signed_in(*started)


# --- By authorization code --------------------------------------------------------------------------------------
class S256Challenge(CodeChallenge):
    """PKCE, required of every client, with S256 only (RFC 7636, RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": compare_s256_code_challenge}

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        sent = grant.request.form
        if "code_challenge_method" not in sent or not _is_well_formed(sent.get("code_challenge")):
            raise InvalidRequestError  # the default method is `plain`
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: CodeGrant, result: Any) -> None:
        if not _is_well_formed(grant.request.form.get("code_verifier")):
            raise InvalidRequestError
        super().validate_code_verifier(grant, result)


def _is_well_formed(text: str | None) -> bool:
    """The syntax of challenges and verifiers (RFC 7636 section 4). Authlib accepts a trailing line feed."""
    return re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", text or "") is not None


class CodeGrant(AuthorizationCodeGrant):
    """RFC 6749 section 4.1, without its redirect: the app has the login form and redirects itself (contract 6.1)."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    # At /authorize
    def validate_authorization_request(self) -> str:
        """Logs why a client is refused: the app displays a wrong password."""
        try:
            return str(super().validate_authorization_request())
        except InvalidClientError as refusal:
            log_refused_client(self.request, refusal.description)
            raise

    @staticmethod
    def validate_authorization_redirect_uri(request: Request, client: Client) -> str:
        """The URI as sent, optional if the client has only one."""
        sent: str = request.payload.redirect_uri or ""
        if not is_registered(sent, client.redirect_uris):
            raise InvalidClientError("The redirect address is not registered for this client.")
        return sent

    def sign_in(self) -> User:
        """The person with the name and password in the request. Raises OAuth2Error."""
        sent = self.request.form
        if "username" not in sent or "password" not in sent:
            raise InvalidRequestError
        return _authenticated(self.request, sent["username"], sent["password"])

    def create_authorization_response(self, redirect_uri: str, grant_user: User) -> tuple[int, str, Any]:
        """An array of one object, whose members the app adds to its redirect (contract 6.7)."""
        self.request.user = grant_user
        answer = {"code": self.generate_authorization_code()}
        self.save_authorization_code(answer["code"], self.request)
        if self.request.payload.state:
            answer["state"] = self.request.payload.state
        return 200, orjson.dumps([answer]).decode(), self.TOKEN_RESPONSE_HEADER

    def save_authorization_code(self, code: str, request: Request) -> None:
        AuthorizationCode.objects.store(
            code,
            request.user,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri or "",
            scope=request.scope,
            challenge=request.form["code_challenge"],
        )
        audit.info(
            "Authorization Code Made",
            tag="authorization_code_made",
            username=request.user.email,
            client_id=request.client.client_id,
        )

    # At /token
    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode:
        """Raises InvalidRequestError for an invalid code, or another client's or redirect URI's."""
        stored = AuthorizationCode.objects.of(code, client.client_id)
        if stored is None:
            raise InvalidRequestError
        self._translate_refusal(stored.refuse_if_invalid, stored)
        if stored.redirect_uri and stored.redirect_uri != self.request.payload.redirect_uri:
            raise InvalidRequestError
        return stored

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User:
        return authorization_code.user

    def generate_token(self, user: User, **_: Any) -> dict[str, Any]:
        code: AuthorizationCode = self.request.authorization_code
        return _signed_in(*self._translate_refusal(lambda: redeem(code, self.client, self.request.django), code))

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Does nothing: the row is kept, and marked as redeemed with the session."""

    def _translate_refusal(self, check: Any, code: AuthorizationCode) -> Any:
        """The result of `check`. Raises InvalidRequestError if it refuses; a replay also ends the code's session."""
        try:
            return check()
        except CodeRefusedError as refusal:
            if isinstance(refusal, CodeReplayedError):
                names = {"user_uuid": str(code.user.uuid), "client_id": code.client_id}
                audit.warning("Authorization Code Replayed", tag="authorization_code_replayed", **names)
                code.end_session()
            raise InvalidRequestError from None


# --- By refresh token -------------------------------------------------------------------------------------------
class RotatingGrant(RefreshTokenGrant):
    """RFC 6749 section 6, with rotation (RFC 9700 section 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS
    #: First part of this grant's refresh tokens.
    KIND: str

    @classmethod
    def check_token_endpoint(cls, request: Request) -> bool:
        return super().check_token_endpoint(request) and _kind_of(request) == cls.KIND

    def rotated(self, credential: Any) -> str:
        """The successor of the token in the request. A reused token ends its row."""
        try:
            return credential.rotate(self.request.form["refresh_token"])
        except RefreshTokenReusedError:
            audit.warning(
                "Refresh Token Reused",
                tag="refresh_token_reused",
                user_uuid=str(self.authenticate_user(self.request.refresh_token).uuid),
                client_id=self.client.client_id,
                kind=self.KIND,
            )
            credential.end(gettext_noop("refresh token used twice"))
            raise InvalidRequestError(BAD_REFRESH_TOKEN) from None
        except RefreshRefusedError:
            raise InvalidRequestError(BAD_REFRESH_TOKEN) from None

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Does nothing: rotation has invalidated it."""


def _kind_of(request: Request) -> str:
    """The kind of the refresh token; `session` for an unknown one, which that grant refuses."""
    kind = request.form.get("refresh_token", "").partition(".")[0]
    return kind if kind in {"session", "warehouse"} else "session"


class SessionRefreshGrant(RotatingGrant):
    """Refreshes a live session whose person may still sign in."""

    KIND = Session.kind

    def authenticate_refresh_token(self, refresh_token: str) -> SessionToken:
        token = SessionToken.of_refresh_token(refresh_token)
        if token is None or self._is_refused(token.session):
            raise InvalidRequestError(BAD_REFRESH_TOKEN)
        return token

    def _is_refused(self, session: Session) -> bool:
        """Whether it is not prolonged. Why is an event, which names the session, unless there were many."""
        reason = session.refusal()
        if reason and AuditEvent.objects.named(user_uuid=session.user.uuid).has_room("refresh_token_refused"):
            audit.info("Refresh Token Refused", tag="refresh_token_refused", **session.names, code=reason)
        return reason is not None

    def authenticate_user(self, refresh_token: SessionToken) -> User:
        return refresh_token.session.user

    def issue_token(self, user: User, refresh_token: SessionToken) -> dict[str, Any]:
        scope = self.request.payload.scope or ""
        return _session_answer(refresh_token.session, self.rotated(refresh_token.session), scope)
