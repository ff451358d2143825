"""Proxies of Django's tables of groups and permissions, which track their history."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from config.history.tracking import tracked
from users.models.user import User

_OfRoles: Any = Group.permissions.through
_OfPeople: Any = User.user_permissions.through
_RIGHT_LABELS = {"insert": _("Right given"), "delete": _("Right taken")}


@tracked()
class Role(Group):
    """A group with its permissions."""

    history_seen_with: ClassVar[str] = "auth.view_group"

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("role")
        verbose_name_plural = _("roles")


@tracked()
class RoleRight(_OfRoles):
    """A permission of a role."""

    history_seen_with: ClassVar[str] = "auth.view_group"
    history_labels = _RIGHT_LABELS
    history_subjects: ClassVar[dict[str, Any]] = {
        "insert": _("“%(right)s” to the role “%(holder)s”"),
        "delete": _("“%(right)s” from the role “%(holder)s”"),
    }

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("right of a role")
        verbose_name_plural = _("rights of roles")


@tracked()
class PersonRight(_OfPeople):
    """A direct permission of a person. No page grants any, but an operator can."""

    history_seen_with: ClassVar[str] = "users.view_user"
    history_labels = _RIGHT_LABELS
    history_subjects: ClassVar[dict[str, Any]] = {
        "insert": _("“%(right)s” to %(holder)s"),
        "delete": _("“%(right)s” from %(holder)s"),
    }

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("right of a person")
        verbose_name_plural = _("rights of people")
