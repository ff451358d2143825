"""OpenID Connect Back-Channel Logout 1.0: the provider ends sessions here when the person signs out there."""

from __future__ import annotations

import json
import time
from typing import Any

from authlib.oauth2.claims import JWTClaims
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from joserfc.errors import InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import extract_compact

from config.audit.log import audit
from config.company_account.provider import Provider
from config.digests import digest
from users.company_account.client import CLOCK_SKEW_SECONDS, answers, client_of, expected
from users.company_account.failures import CompanyAccountError, Failure
from users.models import CompanySession, LogoutToken

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: How old a logout token may be, in seconds. Less than `LogoutToken.KEPT_SECONDS`.
MAX_AGE_SECONDS = 300
UNKNOWN = gettext_noop("the token is of no provider in the settings")
REPLAYED = gettext_noop("the token was taken before")


class _LogoutClaims(JWTClaims):
    """Section 2.6, but for the signature. `iss` and `aud` are in the options."""

    def validate(self, now: Any = None, leeway: int = 0) -> None:
        super().validate(now, leeway)
        if self.header.get("typ", "JWT").lower() not in ("jwt", "logout+jwt"):
            raise InvalidClaimError("typ")
        if self["iat"] < time.time() - MAX_AGE_SECONDS:
            raise InvalidClaimError("iat")
        events = self["events"]
        if not (isinstance(events, dict) and isinstance(events.get(_EVENT), dict)):
            raise InvalidClaimError("events")
        if "nonce" in self:
            raise InvalidClaimError("nonce")
        self._check_whose()

    def _check_whose(self) -> None:
        named = [self[name] for name in ("sub", "sid") if name in self]
        if not named:
            raise MissingClaimError("sid")
        if not all(isinstance(one, str) and one for one in named):
            raise InvalidClaimError("sid")


@csrf_exempt
@never_cache
@require_POST
def logout(request: HttpRequest) -> JsonResponse:
    """Ends the Back Office sessions of the `sid`, or all of the `sub`, from their next request on."""
    token = request.POST.get("logout_token", "")
    provider = _provider_of(token)
    try:
        if provider is None:
            raise CompanyAccountError(Failure.ANSWER, UNKNOWN)
        claims = _checked(provider, token)
        with transaction.atomic():
            _end(provider, claims)
    except CompanyAccountError as error:
        return _refuse(provider, error)
    return JsonResponse({})


def _provider_of(token: str) -> Provider | None:
    """By the issuer that the token claims, which `_checked` then holds against the provider's keys."""
    try:
        issuer = json.loads(extract_compact(token.encode()).payload)["iss"]
    except (JoseError, ValueError, TypeError, LookupError):
        return None
    return next((one for one in settings.OIDC_PROVIDERS.values() if one.issuer == issuer), None)


def _checked(provider: Provider, token: str) -> dict[str, Any]:
    client = client_of(provider)
    with answers():
        claims = client.parse_id_token(
            {"id_token": token},
            nonce=None,
            claims_options=expected(provider, "iat", "jti", "events"),
            claims_cls=_LogoutClaims,
            leeway=CLOCK_SKEW_SECONDS,
        )
    return dict(claims)


def _end(provider: Provider, claims: dict[str, Any]) -> None:
    taken = digest(f"{provider.issuer} {claims['jti']}")
    if not LogoutToken.objects.get_or_create(digest=taken)[1]:
        raise CompanyAccountError(Failure.ANSWER, REPLAYED)
    sessions = CompanySession.objects.filter(account__issuer=provider.issuer)
    if "sub" in claims:
        sessions = sessions.filter(account__subject=claims["sub"])
    if "sid" in claims:
        sessions = sessions.filter(sid=claims["sid"])
    ended = sessions.delete()[0]
    audit.info("Signed out by the Provider", tag="company_logout", provider=provider.label, sessions=ended)


def _refuse(provider: Provider | None, error: CompanyAccountError) -> JsonResponse:
    """Section 2.8."""
    audit.warning(
        "Logout Token Refused",
        tag="company_logout_refused",
        provider=provider.label if provider else "",
        reason=error.reason,
        **error.details,
    )
    return JsonResponse({"error": "invalid_request", "error_description": error.reason}, status=400)
