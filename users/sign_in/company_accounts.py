"""What the page of a person says about their company accounts, if the settings name a provider."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from config.back_office.times import time_tag
from users.models import CompanyAccount, DirectoryEntry, User


def facts(person: User) -> dict[str, Any]:
    """For the template: labels with times, the directory's name, and the roles with who gives them.

    One query with providers, and one with a directory.
    """
    accounts = _accounts_of(person)
    mapped = _mapped_roles(accounts)
    roles = [
        _("%(role)s (from %(provider)s)") % {"role": _(role), "provider": mapped[role]} if role in mapped else _(role)
        for role in person.roles
    ]
    entry = DirectoryEntry.objects.filter(user=person).first() if settings.SCIM_ENABLED else None
    return {
        "directory_name": entry.user_name if entry else "",
        "company_accounts": [(label_of(one), time_tag(one.created_at)) for one in accounts],
        "roles": ", ".join(roles),
        "needs_company_account": not person.password_opens_back_office,
    }


def mapped_roles_hint(person: User) -> str:
    """Which roles of this person a provider gives and takes, or ""."""
    mapped = _mapped_roles(_accounts_of(person)) if person.pk else {}
    names = {"provider": " / ".join(sorted(set(mapped.values()))), "roles": ", ".join(sorted(map(_, mapped)))}
    return _("%(provider)s gives and takes at each sign-in: %(roles)s.") % names if mapped else ""


def _mapped_roles(accounts: list[CompanyAccount]) -> dict[str, str]:
    """The roles that a provider of these accounts gives and takes at each sign-in → what the provider is called."""
    issuers = {one.issuer for one in accounts}
    return {
        role: provider.label
        for provider in settings.OIDC_PROVIDERS.values()
        if provider.issuer in issuers
        for role in provider.mapped_roles
    }


def label_of(account: CompanyAccount) -> str:
    """The issuer, if the settings no longer name the provider."""
    labels = {one.issuer: one.label for one in settings.OIDC_PROVIDERS.values()}
    return labels.get(account.issuer, account.issuer)


def _accounts_of(person: User) -> list[CompanyAccount]:
    return list(person.company_accounts.order_by("id")) if settings.OIDC_PROVIDERS else []
