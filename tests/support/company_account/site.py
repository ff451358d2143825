"""A site whose settings name providers."""

from __future__ import annotations

import re
from typing import Any

from config.company_account.provider import Provider
from tests.support.company_account import urls
from users.models import AuditEvent, CompanyAccount, User

MIDDLEWARE = "users.company_account.middleware.CompanyAccountMiddleware"
AFTER = "config.web.middleware.OTPMiddleware"


def with_providers(settings: Any, *providers: Provider) -> None:
    """As `config.settings` does it."""
    settings.OIDC_PROVIDERS = {one.name: one for one in providers}
    settings.ROOT_URLCONF = urls.__name__
    others = [one for one in settings.MIDDLEWARE if one != MIDDLEWARE]
    at = others.index(AFTER) + 1
    settings.MIDDLEWARE = [*others[:at], MIDDLEWARE, *others[at:]]


def link(person: User, provider: Provider, subject: str) -> CompanyAccount:
    return CompanyAccount.objects.create(user=person, issuer=provider.issuer, subject=subject)


def refusals() -> list[dict[str, Any]]:
    """The details of the events of refused sign-ins by company account, the first first."""
    events = AuditEvent.objects.filter(tag="company_sign_in_failed").order_by("id")
    return [event.details | {"username": event.username} for event in events]


def page_text(answer: Any) -> str:
    """The words of the page, from its title to the last link, with the code as `CODE`."""
    page = answer.content.decode()
    last = "Back to the dashboard" if "Back to the dashboard" in page else "Back to the login page"
    main = page[page.index("<h1") : page.index(last) + len(last)]
    code = re.search(r'id="failure-code"[^>]*>([^<]+)<', main)
    text = re.sub(r"<[^>]*>", " ", main)
    return re.sub(r"\s+", " ", text.replace(code[1], "CODE") if code else text).strip()
