"""What the claims of a company account give in the Back Office: the one place where claims become rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.contrib.auth.models import Group
from django.utils.translation import gettext_noop

from config.company_account.provider import Provider
from users.account_actions import LastAdministratorError, administrator_required
from users.company_account.failures import CompanyAccountError, Failure
from users.models import User

logger = structlog.stdlib.get_logger(__name__)

TOO_MANY_GROUPS = gettext_noop("the provider left the groups out because there are too many")
LAST_ADMINISTRATOR = gettext_noop("the groups would take the rights of the last administrator")


def roles_of(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """The names of the roles that these claims give, all of which the operator's map names.

    Whoever confines a role to warehouses by a claim adds it here, and to `refresh`.

    Raises CompanyAccountError if the provider says that it has left the groups out (OpenID Connect Core section
    5.6.2), which must not be taken for no groups.
    """
    found = claims.get(provider.roles_claim)
    left_out = claims.get("_claim_names")
    if found is None and isinstance(left_out, dict) and provider.roles_claim in left_out:
        raise CompanyAccountError(Failure.NOBODY, TOO_MANY_GROUPS)
    groups = found if isinstance(found, list) else [found]
    given = [provider.roles[group] for group in groups if isinstance(group, str) and group in provider.roles]
    return frozenset().union(*given)


def refresh(provider: Provider, person: User, claims: Mapping[str, Any]) -> None:
    """Gives and takes the roles that the provider's map names; others stay. Call it in the transaction of the sign-in.

    Raises CompanyAccountError, which must roll it back, if no administrator would be left.
    """
    wanted = (set(person.roles) - provider.mapped_roles) | roles_of(provider, claims)
    if not provider.roles or wanted == set(person.roles):
        return
    groups = list(Group.objects.filter(name__in=wanted))
    if unknown := wanted - {group.name for group in groups}:
        logger.warning("Mapped Roles Do Not Exist", provider=provider.name, roles=sorted(unknown))
    try:
        with administrator_required():
            person.groups.set(groups)
    except LastAdministratorError as problem:
        raise CompanyAccountError(Failure.NOBODY, LAST_ADMINISTRATOR, person.email) from problem
    person.refresh_from_db()
