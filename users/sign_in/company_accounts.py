"""What the page of a person says about their company accounts, if the settings name a provider."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from config.back_office.times import time_tag
from config.company_account.provider import Provider
from config.text import name_key
from users.models import CompanyAccount, DirectoryEntry, User


def facts(person: User) -> dict[str, Any]:
    """For the template: labels with times, the directory's name, the roles with who gives them, and who gives which
    warehouses (by `name_key`, or UUID). One query with providers, and one with a directory.
    """
    accounts = _accounts_of(person)
    providers = _providers_of(accounts)
    mapped = {role: one.label for one in providers for role in one.mapped_roles}
    roles = [
        _("%(role)s (from %(provider)s)") % {"role": _(role), "provider": mapped[role]} if role in mapped else _(role)
        for role in person.roles
    ]
    entry = DirectoryEntry.objects.filter(user=person).first() if settings.SCIM_ENABLED else None
    return {
        "directory_name": entry.user_name if entry else "",
        "company_accounts": [(label_of(one), time_tag(one.created_at)) for one in accounts],
        "roles": ", ".join(roles),
        "mapped_warehouses": {name_key(name): one.label for one in providers for name in one.mapped_warehouses},
        "needs_company_account": not person.password_opens_back_office,
    }


def hints(person: User) -> dict[str, str]:
    """Field of the form → what a provider says of it at each sign-in. One query, none without providers."""
    providers = _providers_of(_accounts_of(person)) if person.pk else []
    roles = [(one.label, sorted(map(_, one.mapped_roles))) for one in providers if one.roles]
    found = {"groups": _given(roles), "is_confined": _confining(providers, with_names=True)}
    return {field: text for field, text in found.items() if text}


def hint_of_warehouses(person: User, viewer: User) -> str:
    """What a provider says at each sign-in of the warehouses that a person manages; no names for a confined viewer."""
    return _confining(_providers_of(_accounts_of(person)), with_names=not viewer.is_confined)


def _confining(providers: list[Provider], *, with_names: bool) -> str:
    mapped = [(one.label, sorted(one.mapped_warehouses)) for one in providers if one.warehouses]
    decides = [_("%(provider)s decides this at each sign-in.") % {"provider": label} for label, _names in mapped]
    return " ".join([*decides, _given(mapped if with_names else [])]).strip()


def _given(mapped: list[tuple[str, list[str]]]) -> str:
    text = _("%(provider)s gives and takes at each sign-in: %(names)s.")
    return " ".join(text % {"provider": label, "names": ", ".join(names)} for label, names in mapped if names)


def _providers_of(accounts: list[CompanyAccount]) -> list[Provider]:
    issuers = {one.issuer for one in accounts}
    return [one for one in settings.OIDC_PROVIDERS.values() if one.issuer in issuers]


def label_of(account: CompanyAccount) -> str:
    """The issuer, if the settings no longer name the provider."""
    labels = {one.issuer: one.label for one in settings.OIDC_PROVIDERS.values()}
    return labels.get(account.issuer, account.issuer)


def _accounts_of(person: User) -> list[CompanyAccount]:
    return list(person.company_accounts.order_by("id")) if settings.OIDC_PROVIDERS else []
