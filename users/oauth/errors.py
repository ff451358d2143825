"""Error messages of the reference (contract sections 2.1 and 2.2), and errors beyond RFC 6749."""

from __future__ import annotations

import re

import structlog
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from django.conf import settings

from config.audit.log import audit
from config.web.paths import ACCOUNT
from users.models import AuditEvent, Client
from users.oauth.requests import Request
from users.sign_in.refusals import ClientReason

logger = structlog.stdlib.get_logger(__name__)

#: From RFC 6749; the reference uses it for every malformed request.
MALFORMED = (
    "The request is missing a required parameter, includes an invalid parameter value, "
    "includes a parameter more than once, or is otherwise malformed."
)
#: From RFC 6749.
BAD_GRANT = (
    "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is "
    "invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued "
    "to another client."
)
BAD_CREDENTIALS = "The user credentials were incorrect."
BAD_REFRESH_TOKEN = "The refresh token is invalid."  # noqa: S105 (a message, not a secret)
BAD_CLIENT = "Client authentication failed"


class BlockedError(InvalidGrantError):
    """Too many failures for this account or client from this address (contract 0.4): 429 instead of 400."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed sign-ins. Please try again in {seconds} seconds.")
        self.seconds = seconds


class TemporaryPasswordError(InvalidGrantError):
    """The password was right, but is a temporary one, which must be changed before anything else."""

    def __init__(self) -> None:
        page = f"{settings.ISSUER}{settings.PATH_PREFIX}{ACCOUNT}"
        super().__init__(f"The temporary password must be changed before the first sign-in. Please do so at {page}.")


class UnreadableBodyError(InvalidRequestError):
    """A body of JSON that is not what the route takes. The description says why, and quotes nothing of it."""


class IrrevocableError(OAuth2Error):
    """A token that no request can end (RFC 7009 section 2.2.1)."""

    error = "unsupported_token_type"


class BadClientError(InvalidClientError):
    """The client is unknown, or its secret wrong. With `is_challenged`, 401 and `WWW-Authenticate`.

    `/token` never sends that header, which the app would treat as a failure (contract 6.3).
    """

    def __init__(self, *, is_challenged: bool) -> None:
        super().__init__()
        self.is_challenged = is_challenged


def message_of(error: OAuth2Error) -> str:
    """The error's description, if it is one of this site's, or else the reference's message."""
    if error.description in {BAD_CREDENTIALS, BAD_REFRESH_TOKEN} or isinstance(error, _SAYS_WHY):
        return error.description
    if isinstance(error, UnsupportedGrantTypeError):
        return f'Grant type "{error.grant_type or ""}" not found'
    return _MESSAGES.get(error.error) or error.get_error_description()


#: Errors with a description of this site's.
_SAYS_WHY = (
    BlockedError,
    TemporaryPasswordError,
    UnreadableBodyError,
    UnauthorizedClientError,
    IrrevocableError,
)
_MESSAGES = {"invalid_request": MALFORMED, "invalid_client": BAD_CLIENT, "invalid_grant": BAD_GRANT}


# --- Logging ----------------------------------------------------------------------------------------------------
#: Parts of a URL that may contain secrets: user information, query, fragment.
_SECRET_PARTS = re.compile(r"(?<=//)[^/?#]*@|[?#].*", re.DOTALL)


def log_refused_client(request: Request, reason: str) -> None:
    """Logs the setting or page where an operator registers the client or its redirect URI.

    The first of each registered client, and of all others together, are security events (`has_room`).
    """
    sent = request.payload
    what_to_do = (
        "Add the app's redirect address to DEFAULT_CLIENT_REDIRECT_URIS, character by character, and restart."
        if sent.client_id == settings.DEFAULT_CLIENT_ID
        else "Register this client, with this redirect address, in the Back Office under Clients."
    )
    line = {
        "client_id": sent.client_id,
        "redirect_uri": sent.redirect_uri and _SECRET_PARTS.sub("…", sent.redirect_uri),
        "reason": reason,
        "what_to_do": what_to_do,
    }
    is_known = Client.objects.known(sent.client_id) is not None
    events = AuditEvent.objects.filter(client_id=sent.client_id) if is_known else AuditEvent.objects.all()
    if events.has_room("client_refused_at_authorize"):
        line["code"] = ClientReason.REDIRECT_NOT_REGISTERED if is_known else ClientReason.UNKNOWN_CLIENT
        audit.warning("Client refused at /authorize", tag="client_refused_at_authorize", **line)
    else:
        logger.warning("Client refused at /authorize", **line)
