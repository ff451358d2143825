"""Whom a company account signs in: the linked person, at first by verified e-mail, or a new Back Office user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from config.audit.log import audit
from config.company_account.provider import Provider
from users.company_account import roles
from users.company_account.failures import CompanyAccountError, Failure
from users.locks import lock_administrators
from users.models import CompanyAccount, User

NOT_LINKED = gettext_noop("nobody is linked with this account")
NOT_VERIFIED = gettext_noop("nobody is linked with this account, and its e-mail is not verified")
NO_ACCOUNT = gettext_noop("nobody is linked with this account, and nobody has its e-mail")
LINKED_OTHERWISE = gettext_noop("the person is linked with another account of this provider")
NO_ROLE = gettext_noop("the person has no role")
NO_MAPPED_ROLE = gettext_noop("nobody is linked with this account, and no group of it gives a role")
NO_NAME = gettext_noop("nobody is linked with this account, and its name or e-mail cannot be used")
WAREHOUSE_USER = gettext_noop("the person is a warehouse user")
NOT_ACTIVE = gettext_noop("the person is deactivated, deleted or no longer employed")
OTHER_PERSON = gettext_noop("somebody else confirmed than who is signed in")
AT_ONCE = gettext_noop("the same account signed in at the same moment")


def require_same(user: Any, provider: Provider, claims: Mapping[str, Any]) -> None:
    """Raises CompanyAccountError unless these claims are of who is signed in, if anybody is."""
    own = CompanyAccount.objects.filter(issuer=provider.issuer, subject=claims["sub"], user=user.pk)
    if user.is_authenticated and not own.exists():
        raise CompanyAccountError(Failure.OTHER_PERSON, OTHER_PERSON, user.email)


def sign_in(provider: Provider, claims: Mapping[str, Any]) -> CompanyAccount:
    """The account with its person, linked or created if that is allowed, with refreshed roles and warehouses.

    Raises CompanyAccountError for everybody who may not enter the Back Office; then nothing is changed, but for what
    the provider takes.
    """
    try:
        with transaction.atomic():
            account = _account_of(provider, claims)
            _require_staff(account.user)
            roles.refresh(provider, account.user, claims)
            _forbid_password(provider, account.user)
    except IntegrityError as problem:
        raise CompanyAccountError(Failure.ANSWER, AT_ONCE) from problem
    if provider.roles and not (account.user.roles or account.user.is_superuser):
        raise CompanyAccountError(Failure.NOBODY, NO_ROLE, account.user.email)
    return account


def _account_of(provider: Provider, claims: Mapping[str, Any]) -> CompanyAccount:
    if provider.roles or provider.warehouses:
        lock_administrators()  # before people: `users.locks`
    account = CompanyAccount.objects.filter(issuer=provider.issuer, subject=claims["sub"]).first()
    if account is not None:
        account.user = User.objects.locked().get(pk=account.user_id)
        return account
    found = _person_with_email(provider, claims) or _new_person(provider, claims)
    person = User.objects.locked().get(pk=found.pk)
    account = CompanyAccount.objects.create(issuer=provider.issuer, subject=claims["sub"], user=person)
    audit.info("Company Account Linked", username=person.email, user_uuid=str(person.uuid), provider=provider.label)
    return account


def _require_staff(person: User) -> None:
    if not person.is_active:
        raise CompanyAccountError(Failure.NOBODY, NOT_ACTIVE, person.email)
    if not person.is_staff:
        raise CompanyAccountError(Failure.NOBODY, WAREHOUSE_USER, person.email)


def _forbid_password(provider: Provider, person: User) -> None:
    if provider.is_only_way and not person.company_account_only:
        person.company_account_only = True
        person.save(update_fields=["company_account_only"])


# --- The first sign-in ------------------------------------------------------------------------------------------
def _verified_email(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Raises CompanyAccountError: whoever can enter any e-mail at a provider must not take over a person by it."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get(provider.verified_claim) is not True:
        raise CompanyAccountError(Failure.NOBODY, NOT_VERIFIED)
    return email


def _person_with_email(provider: Provider, claims: Mapping[str, Any]) -> User | None:
    if not provider.links_by_email:
        return None
    person = User.objects.by_email(_verified_email(provider, claims)).filter(has_mailbox=True).first()
    if person is None:
        return None
    _require_staff(person)
    if person.company_accounts.filter(issuer=provider.issuer).exists():
        raise CompanyAccountError(Failure.NOBODY, LINKED_OTHERWISE, person.email)
    return person


def _new_person(provider: Provider, claims: Mapping[str, Any]) -> User:
    """A Back Office user without a password. Their roles follow (`roles.refresh`)."""
    if not provider.creates_users:
        raise CompanyAccountError(Failure.NOBODY, NO_ACCOUNT if provider.links_by_email else NOT_LINKED)
    email = _verified_email(provider, claims)
    if not roles.roles_of(provider, claims):
        raise CompanyAccountError(Failure.NOBODY, NO_MAPPED_ROLE)
    local_part = email.partition("@")[0]
    person = User(
        email=email,
        first_name=_name(claims.get("given_name"), 45) or _name(local_part, 45),
        last_name=_name(claims.get("family_name"), 255) or _name(local_part, 255),
    )
    person.set_unusable_password()
    try:
        person.full_clean()
    except ValidationError as problem:  # also if somebody has this e-mail, who is not linked by it
        raise CompanyAccountError(Failure.NOBODY, NO_NAME) from problem
    person.save(force_insert=True)
    return person


def _name(text: Any, length: int) -> str:
    """Without what our names may not contain."""
    return re.sub(r"[:/<>]", "", text)[:length] if isinstance(text, str) else ""
