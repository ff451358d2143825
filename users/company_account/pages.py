"""The pages of the sign-in by a company account."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import pghistory
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from config.company_account.provider import Provider
from config.web.request_context import request_id
from users.company_account import authentication, failures, people, sessions
from users.company_account.client import asked_of
from users.company_account.failures import CompanyAccountError


def _page(view: Callable[[HttpRequest, Provider], HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator: finds the provider by its name, and shows a page for each failure."""

    @wraps(view)
    def shown(request: HttpRequest, name: str) -> HttpResponse:
        provider = settings.OIDC_PROVIDERS.get(name)
        if provider is None:
            raise Http404
        again = _again(request, provider)
        try:
            return view(request, provider)
        except CompanyAccountError as error:
            return failures.page(request, provider, error, again)

    return never_cache(require_GET(shown))


def _again(request: HttpRequest, provider: Provider) -> str:
    """The URL that asks once more for what was to be confirmed; "" if nothing was."""
    asked = asked_of(request.session, provider, request.GET.get("state", ""))
    if not (asked and asked["again"]):
        return ""
    return reverse("company_sign_in", args=[provider.name], query={"again": "1", "next": asked["destination"]})


@_page
def begin(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Leads to the provider. `next` is a page of ours, `again` asks the person to sign in anew."""
    return authentication.ask(request, provider, _destination(request), again="again" in request.GET)


@_page
def callback(request: HttpRequest, provider: Provider) -> HttpResponse:
    """The provider leads back here."""
    asked, claims = authentication.checked_answer(request, provider)
    if asked["again"]:
        people.require_same(request.user, provider, claims)
    with pghistory.context(provider=provider.label, client="company-account", request_id=request_id(request)):
        account = people.sign_in(provider, claims)
    return sessions.begin(request, provider, account, claims, asked["destination"])


@_page
def sign_out(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Leads to the provider, which asks whether to end its own session, after the one here has ended."""
    id_token = sessions.ended_id_token(request, provider)
    url = authentication.sign_out_url(provider, id_token) if id_token else ""
    return authentication.to_provider(url or reverse("admin:login"))


def _destination(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("admin:index")
