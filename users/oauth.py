"""The wiring of Authlib's OAuth 2 server to our people and sessions (RFC 6749; contract section 2.1).

The protocol is Authlib's. Ours is what the reference does differently: bodies told apart by looking at them,
keys in either spelling, a default client, and the words of its errors.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import orjson
from authlib.integrations.django_oauth2 import AuthorizationServer as DjangoAuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Payload, OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant, ResourceOwnerPasswordCredentialsGrant
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict

from config.logs import audit
from users.models import Session, User
from users.rotation import RefreshRefusedError, RefreshTokenReusedError
from users.throttling import is_blocked
from users.tokens import AccessToken, Scope, scopes_for

#: RFC 6749's own sentence, which the reference answers for every malformed request.
MALFORMED = (
    "The request is missing a required parameter, includes an invalid parameter value, "
    "includes a parameter more than once, or is otherwise malformed."
)
BAD_CREDENTIALS = "The user credentials were incorrect."
BAD_REFRESH_TOKEN = "The refresh token is invalid."  # noqa: S105 (a sentence, not a secret)
#: As long as an e-mail can be: what else is sent as a user name must not fill the log.
_LOGGED_CHARACTERS = 254
BAD_CLIENT = "Client authentication failed"


#: More than any client sends; what a hostile one sends beyond is not looked at.
_MOST_PARAMETERS = 100


# --- The request ------------------------------------------------------------------------------------------------
class Payload(OAuth2Payload):
    """The parameters of a request, from a form or a JSON body, whichever it is (contract 0.1)."""

    def __init__(self, body: bytes) -> None:
        self._values = _parameters(body)

    @property
    def data(self) -> dict[str, str]:
        return {key: several[0] for key, several in self._values.lists()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return dict(self._values.lists())


def _parameters(body: bytes) -> MultiValueDict[str, str]:
    """Raises InvalidRequestError when the body can be read as neither, or a parameter is no text or stands twice."""
    try:
        pairs = _json_pairs(body) if body.lstrip().startswith((b"{", b"[")) else _form_pairs(body)
    except ValueError:
        raise InvalidRequestError from None
    values: MultiValueDict[str, str] = MultiValueDict()
    for key, value in pairs:
        values.appendlist(_snake_case(key), value)
    if any(len(several) > 1 for _, several in values.lists()):
        raise InvalidRequestError
    values.setdefault("client_id", settings.DEFAULT_CLIENT_ID)
    if "scope" in values:
        values["scope"] = _known(str(values["scope"]))
    return values


def _known(scope: str) -> str:
    """The words of a requested scope that mean something here, each once; the others are dropped."""
    return " ".join(dict.fromkeys(word for word in scope.split() if word in set(Scope)))


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    return [(key, _text(value)) for key, value in pairs if value != ""]


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    document = orjson.loads(body)
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"].get("attributes")  # a form that the reference's install guide shows
    if not isinstance(document, dict):
        raise ValueError("not an object")
    if len(document) > _MOST_PARAMETERS:
        raise ValueError("too many parameters")
    return [(key, _text(value)) for key, value in document.items() if value not in (None, "")]


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text")
    return value


def _snake_case(key: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower()


class Request(OAuth2Request):
    """Authlib's view of a Django request."""

    def __init__(self, request: HttpRequest) -> None:
        # Authlib refuses plain http; whether TLS is needed is decided by `HTTPS`, before any view is reached.
        super().__init__(request.method or "", "https://localhost" + request.path, headers={})
        self.django = request
        self.payload = Payload(request.body)

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


# --- Clients ----------------------------------------------------------------------------------------------------
class PublicClient(ClientMixin):
    """An app that can keep no secret, such as the Fulfillment App (RFC 6749 section 2.1)."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


# --- Grants -----------------------------------------------------------------------------------------------------
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
    return token_answer(str(token), refresh_token, settings.ACCESS_TOKEN_SECONDS)


class BlockedError(InvalidGrantError):
    """Too many failed sign-ins for this account from this address (contract 0.4): 429 instead of 400."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed sign-ins. Please try again in {seconds} seconds.")
        self.seconds = seconds


class PasswordGrant(ResourceOwnerPasswordCredentialsGrant):
    """RFC 6749 section 4.3."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def authenticate_user(self, username: str, password: str) -> User:
        # Django's backend hashes once for an unknown user too, so that time tells nothing about who exists.
        user = authenticate(self.request.django, username=username, password=password)
        if user is None:
            audit.warning("Failed Login", tag="failed_login", username=username[:_LOGGED_CHARACTERS])
            if is_blocked(self.request.django):
                raise BlockedError(self.request.django.retry_after)
            raise InvalidGrantError(BAD_CREDENTIALS)
        audit.info("Successful Login", tag="successful_login", username=username[:_LOGGED_CHARACTERS])
        return user

    def generate_token(self, user: User, scope: str | None = None, **_: Any) -> dict[str, Any]:
        started = Session.objects.start(
            user, client_id=self.client.client_id, requested_scope=scope or "", request=self.request.django
        )
        if started is None:
            raise InvalidGrantError(BAD_CREDENTIALS)
        return _session_answer(*started)


class RotatingGrant(RefreshTokenGrant):
    """RFC 6749 section 6, with rotation (RFC 9700 section 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    #: First part of the refresh tokens this grant answers for.
    KIND: str

    @classmethod
    def check_token_endpoint(cls, request: Request) -> bool:
        return super().check_token_endpoint(request) and _kind_of(request) == cls.KIND

    def rotated(self, credential: Any) -> str:
        """The successor of the token in the request. A reused token ends what it was issued for."""
        try:
            return credential.rotate(self.request.form["refresh_token"])
        except RefreshTokenReusedError:
            credential.end("refresh token used twice")
            raise InvalidRequestError(BAD_REFRESH_TOKEN) from None
        except RefreshRefusedError:
            raise InvalidRequestError(BAD_REFRESH_TOKEN) from None


def _kind_of(request: Request) -> str:
    """What the refresh token says it is for; one that says nothing known is a session's, and refused there."""
    kind = request.form.get("refresh_token", "").partition(".")[0]
    return kind if kind in {"session", "warehouse"} else "session"


class SessionToken(TokenMixin):
    """A session, as Authlib's refresh grant wants to see it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def check_client(self, client: PublicClient) -> bool:
        return client.client_id == self.session.client_id

    def get_scope(self) -> str:
        return " ".join(scopes_for(self.session.user, self.session.requested_scope))


class SessionRefreshGrant(RotatingGrant):
    """A new access token for a session that is still live and whose person may still sign in."""

    KIND = Session.kind

    def authenticate_refresh_token(self, refresh_token: str) -> SessionToken:
        session = Session.of_refresh_token(refresh_token)
        if session is None or not session.is_live or not session.user.is_active:
            raise InvalidRequestError(BAD_REFRESH_TOKEN)
        return SessionToken(session)

    def authenticate_user(self, refresh_token: SessionToken) -> User:
        return refresh_token.session.user

    def issue_token(self, user: User, refresh_token: SessionToken) -> dict[str, Any]:
        scope = self.request.payload.scope or ""
        return _session_answer(refresh_token.session, self.rotated(refresh_token.session), scope)

    def revoke_old_credential(self, refresh_token: SessionToken) -> None:
        """Rotation has used it up."""


# --- The server -------------------------------------------------------------------------------------------------
class AuthorizationServer(DjangoAuthorizationServer):
    """Authlib's server with our rows behind it and the reference's words in front."""

    def __init__(self) -> None:
        super().__init__(client_model=None, token_model=None)

    def query_client(self, client_id: str) -> PublicClient | None:
        return PublicClient(client_id) if client_id == settings.DEFAULT_CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        """The grants have saved their rows already."""

    def create_oauth2_request(self, request: HttpRequest) -> Request:
        return Request(request)

    def token_response(self, request: HttpRequest) -> HttpResponse:
        """The answer of `POST /token`, also for a body that cannot be read."""
        try:
            return self.create_token_response(request)
        except OAuth2Error as error:
            return self.handle_error_response(None, error)

    def handle_error_response(self, request: Request | None, error: OAuth2Error) -> HttpResponse:
        """RFC 6749 section 5.2: 400 or 429, and never `WWW-Authenticate`, which the app takes for a failure."""
        body = {"error": error.error, "error_description": _words_of(error)}
        response = self.handle_response(400, body, PasswordGrant.TOKEN_RESPONSE_HEADER)
        if isinstance(error, BlockedError):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(error.seconds)
        return response


def _words_of(error: OAuth2Error) -> str:
    """The reference's sentence for an error (contract section 2.1)."""
    if isinstance(error, UnsupportedGrantTypeError):
        return f'Grant type "{error.grant_type or ""}" not found'
    if error.error == "invalid_client":
        return BAD_CLIENT
    if error.error == "invalid_request" and error.description != BAD_REFRESH_TOKEN:
        return MALFORMED
    return error.get_error_description() or BAD_REFRESH_TOKEN


server = AuthorizationServer()
server.register_grant(PasswordGrant)
server.register_grant(SessionRefreshGrant)
