"""The authorization code flow (OpenID Connect Core section 3.1), from our redirect to the checked claims."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_noop

from config.company_account.provider import Provider
from users.company_account.client import (
    CLOCK_SKEW_SECONDS,
    MALFORMED,
    WRONG_CLAIM,
    answers,
    asked_of,
    client_of,
    expected,
    known_error,
)
from users.company_account.failures import CompanyAccountError, Failure

#: How long staff may take at the provider, in seconds.
MAX_SECONDS = 600
#: Why an answer is refused before anything is asked of the provider.
NOT_ASKED = gettext_noop("nothing was asked for in this browser, or it was answered already")
TOO_LATE = gettext_noop("the answer came too late")
MIXED_UP = gettext_noop("the answer names another issuer than the one that was asked")
DECLINED = gettext_noop("the provider or the person declined")
NOT_AGAIN = gettext_noop("the provider did not ask the person to sign in anew")

#: Claims that the ID token alone can make.
_OF_THE_SIGN_IN = frozenset(("acr", "amr", "auth_time", "azp", "nonce", "sid"))
_Claims = Mapping[str, Any]


def site_url(name: str, *args: str) -> str:
    """The URL of one of our pages by the site's public address, whatever host the request names."""
    return settings.ISSUER + reverse(name, args=args)


def ask(request: HttpRequest, provider: Provider, destination: str, *, again: bool) -> HttpResponse:
    """The redirect to the provider, with state, nonce and a PKCE challenge. `again` asks the person to sign in anew.

    Raises CompanyAccountError if the provider does not answer.
    """
    client = client_of(provider)
    anew = {"prompt": "login", "max_age": "0"} if again else {}
    callback = site_url("company_sign_in_callback", provider.name)
    with answers():
        begun = client.create_authorization_url(callback, **anew)
    kept = {"redirect_uri": callback, "destination": destination, "again": again, "begun_at": int(time.time())}
    client.save_authorize_data(request, **kept, **begun)
    if not request.user.is_authenticated:
        request.session.set_expiry(MAX_SECONDS)  # a session of nobody, which is kept no longer
    return to_provider(begun["url"])


def to_provider(url: str) -> HttpResponse:
    """A redirect to a URL of any length."""
    return HttpResponse(status=302, headers={"Location": url})


def checked_answer(request: HttpRequest, provider: Provider) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `ask` has kept, and the claims of the provider, with the ID token as `id_token`.

    Raises CompanyAccountError for each fault. The state works once.
    """
    asked = asked_of(request.session, provider, request.GET.get("state", ""))
    if not asked:
        raise CompanyAccountError(Failure.ANSWER, NOT_ASKED)
    client = client_of(provider)
    _check_response(request, provider, client.load_server_metadata(), asked)
    with answers():
        # Authlib also checks signature, nonce, `azp`, `at_hash`, and the times.
        options = expected(provider, "sub")
        token = client.authorize_access_token(request, claims_options=options, leeway=CLOCK_SKEW_SECONDS)
        claims = _claims_of(client, provider, token)
    if asked["again"] and not _is_recent(claims, asked["begun_at"]):
        raise CompanyAccountError(Failure.OTHER_PERSON, NOT_AGAIN)
    return asked, claims


def _check_response(request: HttpRequest, provider: Provider, metadata: _Claims, asked: _Claims) -> None:
    """RFC 9207 first: the error of another provider says nothing about this one."""
    issuer = request.GET.get("iss")
    if issuer != provider.issuer and (issuer is not None or metadata["names_issuer"]):
        raise CompanyAccountError(Failure.ANSWER, MIXED_UP)
    if time.time() - asked["begun_at"] > MAX_SECONDS:
        raise CompanyAccountError(Failure.ANSWER, TOO_LATE)
    if error := request.GET.get("error"):
        raise CompanyAccountError(Failure.DECLINED, DECLINED, error=known_error(error))


def sign_out_url(provider: Provider, id_token: str) -> str:
    """Where the provider's own session ends, and then leads to our login page; "" if the provider has no such page."""
    client = client_of(provider)
    if "end_session_endpoint" not in client.load_server_metadata():
        return ""
    with answers():
        made = client.create_logout_url(site_url("admin:login"), id_token, client_id=provider.client_id)
    return str(made["url"])


# --- The ID token (OpenID Connect Core section 3.1.3.7) -----------------------------------------------------------
def _claims_of(client: Any, provider: Provider, token: _Claims) -> dict[str, Any]:
    """The claims of the ID token, and those that UserInfo adds, if its endpoint is the provider's own."""
    if "userinfo" not in token:
        raise CompanyAccountError(Failure.ANSWER, MALFORMED)
    claims = dict(token["userinfo"])
    if claims["aud"] not in (provider.client_id, [provider.client_id]):  # others, whom nobody has told us to trust
        raise CompanyAccountError(Failure.ANSWER, WRONG_CLAIM, claim="aud")
    if len(claims["sub"]) > 255:
        raise CompanyAccountError(Failure.ANSWER, WRONG_CLAIM, claim="sub")
    if "userinfo_endpoint" in client.load_server_metadata():
        more = client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:  # section 5.3.2
            raise CompanyAccountError(Failure.ANSWER, WRONG_CLAIM, claim="sub")
        claims = _added(provider, more, claims) | claims
    return claims | {"id_token": token["id_token"]}


def _added(provider: Provider, more: _Claims, claims: _Claims) -> dict[str, Any]:
    """What UserInfo adds: nothing about how the person signed in, and a verification of the same e-mail only."""
    of_another = {provider.verified_claim} if claims.get("email", more.get("email")) != more.get("email") else set()
    return {name: value for name, value in more.items() if name not in _OF_THE_SIGN_IN | of_another}


def _is_recent(claims: _Claims, begun_at: int) -> bool:
    """Whether the person has signed in at the provider since it was asked for (section 3.1.2.1, `max_age`)."""
    at = claims.get("auth_time")
    return isinstance(at, int | float) and at >= begun_at - CLOCK_SKEW_SECONDS
