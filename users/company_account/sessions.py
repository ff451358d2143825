"""Back Office sessions by a company account: how they begin, and what the site keeps about them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from config.company_account.provider import Provider
from users.models import CompanyAccount, CompanySession
from users.sign_in import login, two_factor


def begin(
    request: HttpRequest, provider: Provider, account: CompanyAccount, claims: Mapping[str, Any], destination: str
) -> HttpResponse:
    """Signs the person in, or asks for their code, if the provider's own second factor does not count."""
    account.sessions.past_retention().delete()
    row = account.sessions.create(sid=_text(claims.get("sid")))
    has_second_factor = counts_as_second_factor(provider, claims)
    started = {
        "session": str(row.pk),
        "provider": provider.name,
        "label": provider.label,
        "at": int(time.time()),
        "has_second_factor": has_second_factor,
        "id_token": claims["id_token"],
    }
    if two_factor.is_on(account.user) and not has_second_factor:
        login.store_pending(request, account.user, destination, started)
        return redirect("admin_second_step")
    return login.log_in(request, account.user, destination, started)


def counts_as_second_factor(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether `acr` or `amr` has a value that the operator has named (OpenID Connect Core section 2)."""
    methods = claims.get("amr")
    said = [claims.get("acr"), *(methods if isinstance(methods, list) else ())]
    return any(isinstance(one, str) and one in provider.second_factors for one in said)


def is_live(started: Mapping[str, Any]) -> bool:
    """Whether the provider has not ended the session. One query."""
    return CompanySession.objects.filter(pk=started["session"]).exists()


# --- Signing out at the provider too (OpenID Connect RP-Initiated Logout 1.0) ---------------------------------------
_ENDED = "company_account_ended"
#: For how long the page after the sign-out offers it, in seconds.
_OFFERED_SECONDS = 600


def remember_provider(request: HttpRequest, started: Mapping[str, Any]) -> None:
    """After the sign-out here, in a session of nobody."""
    request.session[_ENDED] = {name: started[name] for name in ("provider", "id_token")}
    request.session.set_expiry(_OFFERED_SECONDS)


def ended_id_token(request: HttpRequest, provider: Provider) -> str:
    """The ID token of the session that has just ended here, once; else ""."""
    ended = request.session.get(_ENDED)
    if not ended or ended["provider"] != provider.name:
        return ""
    del request.session[_ENDED]
    return str(ended["id_token"])


def _text(value: Any) -> str:
    return value[:255] if isinstance(value, str) else ""
