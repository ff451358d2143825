"""The five initial roles of the Back Office. A migration, which has a copy of them, creates a group for each.

Staff may change the groups and add others: code checks permissions, never the names of roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils.translation import gettext_noop

ADMINISTRATOR = gettext_noop("Administrator")
STAFF_MANAGER = gettext_noop("Staff manager")
WAREHOUSE_MANAGER = gettext_noop("Warehouse manager")
SITE_MANAGER = gettext_noop("Site manager")
AUDITOR = gettext_noop("Auditor")

#: The permissions with which a user can grant any right: an administrator has all of them, by whatever role.
ADMINISTRATION = ("users.change_user", "auth.change_group")

_USER = "users.user"
_SESSION = "users.session"
_CLIENT = "users.client"
_WAREHOUSE = "warehouses.warehouse"
_ASSIGNMENT = "assignments.warehouseuserassignment"
_GROUP = "auth.group"
_AUDIT_EVENT = "users.auditevent"
_READ = ("view",)
_EVERYTHING = ("view", "add", "change", "delete")
#: Ending a session is a change of it.
_END = ("view", "change")


#: Role → model → actions.
ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    ADMINISTRATOR: {
        **dict.fromkeys((_USER, _CLIENT, _WAREHOUSE, _ASSIGNMENT, _GROUP), _EVERYTHING),
        _SESSION: _END,
        _AUDIT_EVENT: _READ,
    },
    STAFF_MANAGER: {
        **dict.fromkeys((_USER, _ASSIGNMENT), _EVERYTHING),
        _SESSION: _END,
        _WAREHOUSE: _READ,
    },
    WAREHOUSE_MANAGER: {
        **dict.fromkeys((_WAREHOUSE, _ASSIGNMENT), _EVERYTHING),
        _USER: _READ,
    },
    SITE_MANAGER: {
        _USER: ("view", "add", "change"),
        _SESSION: _END,
        _WAREHOUSE: _READ,
        _ASSIGNMENT: _EVERYTHING,
    },
    AUDITOR: dict.fromkeys((_USER, _SESSION, _CLIENT, _WAREHOUSE, _ASSIGNMENT, _GROUP, _AUDIT_EVENT), _READ),
}

#: The permissions that count for a confined person, in their warehouses. A new warehouse would be in none of them, and
#: clients, roles and security events belong to no warehouse.
CONFINABLE = frozenset(
    "{}.{}_{}".format(model.split(".")[0], action, model.split(".")[1])
    for model in (_USER, _SESSION, _WAREHOUSE, _ASSIGNMENT)
    for action in _EVERYTHING
) - {"warehouses.add_warehouse"}


def codenames(role: str) -> Iterator[tuple[str, str]]:
    """(app label, codename) of each permission of a role."""
    for model, actions in ROLES[role].items():
        app, name = model.split(".")
        yield from ((app, f"{action}_{name}") for action in actions)


def named(rights: Iterable[str]) -> Q:
    """A filter for permissions, each given as `app.codename`."""
    found = Q(pk__in=())
    for app, codename in (right.split(".") for right in rights):
        found |= Q(content_type__app_label=app, codename=codename)
    return found


def make_administrators(groups: Iterable[Group], user: PermissionsMixin) -> bool:
    """Whether the permissions of these groups and the user's direct ones contain all of `ADMINISTRATION`."""
    given = Permission.objects.filter(Q(group__in=groups) | Q(user=user)).filter(named(ADMINISTRATION))
    return given.distinct().count() == len(ADMINISTRATION)


def offered_to(user: PermissionsMixin) -> QuerySet[Permission]:
    """The permissions this user may add to a role: those of the Back Office's pages that they have themselves."""
    known = {f"{app}.{codename}" for role in ROLES for app, codename in codenames(role)}
    offered = Permission.objects.filter(named(known)).select_related("content_type")
    if not user.is_superuser:
        offered = offered.filter(Q(group__user=user.pk) | Q(user=user.pk)).distinct()
    kinds = [When(codename__startswith=f"{action}_", then=Value(n)) for n, action in enumerate(_EVERYTHING)]
    return offered.order_by("content_type__app_label", "content_type__model", Case(*kinds))


def grantable_by(user: PermissionsMixin) -> QuerySet[Group]:
    """The groups this user may assign to others: those with no permission that the user lacks.

    Otherwise a Staff manager could make anyone an Administrator, and so gain all rights.
    """
    if user.is_superuser:
        return Group.objects.all()
    own = Permission.objects.filter(group__user=user.pk) | Permission.objects.filter(user=user.pk)
    beyond = Permission.objects.exclude(pk__in=own.values("pk"))
    return Group.objects.exclude(permissions__in=beyond)
