"""What the claims of a company account give in the Back Office: the one place where claims become rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from django.contrib.auth.models import Group
from django.utils.translation import gettext_noop

from config.company_account.provider import EVERYWHERE, Provider
from users.account_actions import LastAdministratorError, administrator_required
from users.company_account.failures import CompanyAccountError, Failure
from users.models import User

logger = structlog.stdlib.get_logger(__name__)

TOO_MANY_GROUPS = gettext_noop("the provider left the groups out because there are too many")
LAST_ADMINISTRATOR = gettext_noop("the groups would take the rights of the last administrator")


def groups_of(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """The groups of the person, which give nothing but what the operator's maps name.

    Raises CompanyAccountError if the provider says that it has left the groups out (OpenID Connect Core section
    5.6.2), which must not be taken for no groups.
    """
    found = claims.get(provider.roles_claim)
    left_out = claims.get("_claim_names")
    if found is None and isinstance(left_out, dict) and provider.roles_claim in left_out:
        raise CompanyAccountError(Failure.NOBODY, TOO_MANY_GROUPS)
    return frozenset(group for group in (found if isinstance(found, list) else [found]) if isinstance(group, str))


def roles_of(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """The names of the roles that these claims give. Raises CompanyAccountError as `groups_of`."""
    return _given(provider.roles, groups_of(provider, claims))


def _given(mapped: Mapping[str, frozenset[str]], groups: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(mapped[group] for group in groups if group in mapped))


def refresh(provider: Provider, person: User, claims: Mapping[str, Any]) -> None:
    """Gives and takes what the provider's maps name; all else stays. Call it in the transaction of the sign-in.

    Raises CompanyAccountError, which must roll it back, if no administrator would be left.
    """
    groups = groups_of(provider, claims) if provider.roles or provider.warehouses else frozenset()
    if provider.roles:
        _refresh_roles(provider, person, _given(provider.roles, groups))
    if provider.warehouses and not person.is_superuser:  # who has all rights everywhere
        _refresh_warehouses(provider, person, _given(provider.warehouses, groups))


def _refresh_roles(provider: Provider, person: User, given: frozenset[str]) -> None:
    wanted = (set(person.roles) - provider.mapped_roles) | given
    if wanted == set(person.roles):
        return
    groups = list(Group.objects.filter(name__in=wanted))
    if unknown := wanted - {group.name for group in groups}:
        logger.warning("Mapped Roles Do Not Exist", provider=provider.name, roles=sorted(unknown))
    with _administrator_left(person):
        person.groups.set(groups)
    person.refresh_from_db()


def _refresh_warehouses(provider: Provider, person: User, given: frozenset[str]) -> None:
    """Confines the person to the warehouses that are given, even if there is none, unless all are."""
    is_confined = EVERYWHERE not in given
    if is_confined != person.is_confined:
        person.is_confined = is_confined
        with _administrator_left(person):
            person.save(update_fields=["is_confined"])
    unknown = person.managed_warehouses.set_named(person, given - {EVERYWHERE}, provider.mapped_warehouses)
    if unknown:
        logger.warning("Mapped Warehouses Do Not Exist", provider=provider.name, warehouses=sorted(unknown))


@contextmanager
def _administrator_left(person: User) -> Iterator[None]:
    try:
        with administrator_required():
            yield
    except LastAdministratorError as problem:
        raise CompanyAccountError(Failure.NOBODY, LAST_ADMINISTRATOR, person.email) from problem
